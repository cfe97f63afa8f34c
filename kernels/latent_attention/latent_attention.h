// Multi-head latent attention (DeepSeek-V2, V3) in its absorbed form: paged, causal, over one compressed row per token
// that all heads share as key and value. And the writing of the rows that it reads.
//
// For token t of an entry, at position p, head h, with rows c[j, :] of latent_dim and k[j, :] of rope_dim elements:
//   score[j] = scale * (sum_d latent[t, h, d] * c[j, d] + sum_d rope[t, h, d] * k[j, d])        0 <= j <= p
//   out[t, h, :] = sum_j softmax(score)[j] * c[j, :]
//
// Around it, with kv_b_proj split per head into W_UK [qk_nope, latent_dim] and W_UV [v_head_dim, latent_dim]
// (linear/head_linear.h): latent[t, h] is the query's part without rotation times W_UK[h]; the head's output is
// out[t, h] times W_UV[h] transposed.
//
// A step calls store_latent() for all its tokens first, then latent_attention(), which reads every position back from
// the cache, those of the current chunk included.
//
// Shapes:     queries.latent [T, num_heads, latent_dim] f32, queries.rope [T, num_heads, rope_dim] f32 (the rotated
//             part of each query, where it lies), out [T, num_heads * latent_dim] f32, new rows
//             [T, latent_dim + rope_dim] f32; T is the sum of the entries' num_tokens, rows lie in the entries' order.
//             out may not overlap the queries.
// Dtypes:     f32 throughout.
// Invariance: positions are taken in tiles of 64 counted from position 0, each with a running maximum, sum and weighted
//             latent vector; a score is one chain along the latent elements, then the rotated ones, and a fixed tree; a
//             sum of latent vectors is one chain along the positions. A (token, head)'s bits depend on its query, the
//             cached rows of positions 0..p and the path alone: not on the chunk that it came in, the rest of the
//             batch, other heads, the block table's numbers, block_tokens or threads.
// Tolerance:  |out - reference| <= 1e-5 * max |c|, for |score| up to 20 and contexts up to 2,000.
#pragma once

#include <span>

#include "kernels/attention/attention_entry.h"
#include "kernels/cpu/context.h"
#include "kernels/latent_attention/latent_cache_layout.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

struct LatentQueries {
  HeadsView<const float> latent;
  HeadsView<const float> rope;
};

// Puts rows into their slots. No two entries share a written slot.
void store_latent(const CpuContext& context, std::span<const AttentionEntry> entries, MatrixView<const float> rows,
                  const LatentCacheView& cache);

// Reads the rows of one entry's positions back: rows [num_tokens, latent_dim + rope_dim].
void load_latent(const CpuContext& context, const AttentionEntry& entry, const LatentCacheView& cache,
                 MatrixView<float> rows);

// `scale` is usually 1 / sqrt(qk_nope_head_dim + qk_rope_head_dim), times mscale^2 with YaRN.
void latent_attention(const CpuContext& context, std::span<const AttentionEntry> entries, const LatentQueries& queries,
                      const LatentCacheView& cache, float scale, MatrixView<float> out);

// The same by plain loops in double, for tests.
void store_latent_reference(std::span<const AttentionEntry> entries, MatrixView<const float> rows,
                            const LatentCacheView& cache);
void latent_attention_reference(std::span<const AttentionEntry> entries, const LatentQueries& queries,
                                const LatentCacheView& cache, float scale, MatrixView<float> out);

}  // namespace sluice::kernels
