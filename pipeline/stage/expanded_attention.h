// Latent attention in its expanded form: keys and values of every head are made out of the cached rows, and queries
// attend to them as they are. The absorbed form (latent_part.h) pays for every pair of positions with the latent
// vector's length, this one with a head's, and for every cached position once for each head: it is faster for long
// chunks.
//
// The sums are others than those of the absorbed form: what a token gets then depends on the chunk that it came in, so
// this is for `deterministic = false` alone.
//
// Owns:     scratch for keys and values of one head at all positions, for queries and outputs of one head.
// Confined: to the stage's thread.
// Errors:   create(): kInvalidConfig where memory is short.
#pragma once

#include <cstddef>
#include <vector>

#include "base/error.h"
#include "kernels/attention/kv_cache_layout.h"
#include "kernels/latent_attention/latent_attention.h"
#include "pipeline/model/model_config.h"
#include "pipeline/stage/decoder_part.h"

namespace sluice {

class ExpandedAttention {
 public:
  // `config` is of latent attention.
  static Result<ExpandedAttention> create(const AttentionConfig& config, const DecoderOptions& options);

  // Whether the entry's tokens are done faster in this form, by a count of multiplications. Never for those whose
  // positions the scratch is too small for.
  bool pays_for(const kernels::AttentionEntry& entry) const;

  // One entry's attention, of the rows that were stored for it. `queries` [T, heads * (nope + rope)] rotated, `up`
  // [heads * (nope + v), latent] with a head's rows for keys first, out [T, heads * v].
  void run(const kernels::CpuContext& context, const kernels::AttentionEntry& entry,
           kernels::MatrixView<const float> queries, const kernels::WeightView& up,
           const kernels::LatentCacheView& cache, float scale, kernels::MatrixView<float> out) const;

 private:
  explicit ExpandedAttention(const AttentionConfig& config);

  Result<void> allocate(const DecoderOptions& options);
  // Keys and values of one head at positions [0, end).
  void expand(const kernels::CpuContext& context, const kernels::AttentionEntry& entry,
              const kernels::HeadWeightsView& up, const kernels::LatentCacheView& cache) const;

  AttentionConfig config_;
  std::size_t head_dim_ = 0;  // Of keys and values in the scratch: the longer of both, the other ends in zeros.
  kernels::KvCacheView head_cache_;
  std::vector<BlockId> blocks_;  // 0, 1, 2, ...: the scratch's block table.
  AlignedBuffer<float> cached_keys_;
  AlignedBuffer<float> cached_values_;
  AlignedBuffer<float> rows_;  // cached_dim, of a piece of positions, as the next two: head_dim_
  AlignedBuffer<float> keys_;
  AlignedBuffer<float> values_;
  AlignedBuffer<float> queries_;  // head_dim_, of a batch's tokens, as the next.
  AlignedBuffer<float> found_;
};

}  // namespace sluice
