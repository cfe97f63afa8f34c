// Paged causal attention with grouped queries, and the writing of keys and values that it reads.
//
// For token t of an entry, at position p, query head h, KV head g = h / (num_heads / num_kv_heads):
//   score[j] = scale * sum_d query[t, h, d] * key[j, g, d]        0 <= j <= p
//   out[t, h, :] = sum_j softmax(score)[j] * value[j, g, :]
//
// A step calls store_kv() for all its tokens first, then paged_attention(), which reads every position back from the
// cache in the cache's dtype, those of the current chunk included.
//
// Shapes:     queries, out [T, num_heads * head_dim] f32; keys, values [T, num_kv_heads * head_dim] f32; T is the sum
//             of the entries' num_tokens, rows lie in the entries' order. num_kv_heads divides num_heads. out may not
//             overlap queries.
// Dtypes:     f32 arithmetic; the cache is f32 or f16 (rounded by to_f16() of base/dtype.h).
// Invariance: positions are taken in tiles of 64 counted from position 0, each with a running maximum, sum and weighted
//             value; a score is one chain along d, a sum of values one chain along the positions. A token's bits depend
//             on its query, the cached keys and values of positions 0..p and the path alone: not on the chunk that it
//             came in, the rest of the batch, the block table's numbers, block_tokens or threads.
// Tolerance:  |out - reference| <= 1e-5 * max |value|, for |score| up to 20 and contexts up to 2,000: exp's argument
//             loses 2^-24 * |score| * head_dim^(1/2) in the chain, the rest is less.
#pragma once

#include <span>

#include "kernels/attention/attention_entry.h"
#include "kernels/attention/kv_cache_layout.h"
#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

// Rounds keys and values to the cache's dtype and puts them into their slots. No two entries share a written slot.
void store_kv(const CpuContext& context, std::span<const AttentionEntry> entries, MatrixView<const float> keys,
              MatrixView<const float> values, const KvCacheView& cache);

// `scale` is usually 1 / sqrt(head_dim).
void paged_attention(const CpuContext& context, std::span<const AttentionEntry> entries,
                     MatrixView<const float> queries, const KvCacheView& cache, float scale, MatrixView<float> out);

// The same by plain loops in double, for tests.
void store_kv_reference(std::span<const AttentionEntry> entries, MatrixView<const float> keys,
                        MatrixView<const float> values, const KvCacheView& cache);
void paged_attention_reference(std::span<const AttentionEntry> entries, MatrixView<const float> queries,
                               const KvCacheView& cache, float scale, MatrixView<float> out);

}  // namespace sluice::kernels
