// Multi-head latent attention in its absorbed form (attention_part.h, kernels/latent_attention/latent_attention.h):
// queries are turned into the latent space, in which the cache lies, and what they find there into values. Unless the
// options ask for determinism, long chunks take the expanded form (expanded_attention.h).
//
// Invariance: with `deterministic` every token takes the absorbed form, be it prefilled or decoded, and tokens are
//             taken in runs without its bits depending on them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/latent_attention/latent_attention.h"
#include "kernels/rotary/rotary.h"
#include "pipeline/stage/attention_part.h"
#include "pipeline/stage/cache_memory.h"
#include "pipeline/stage/expanded_attention.h"

namespace sluice {

class LatentPart final : public AttentionPart {
 public:
  static Result<std::unique_ptr<AttentionPart>> create(const ModelConfig& config, const DecoderOptions& options,
                                                       std::uint32_t num_layers);

  void run(const LayerStep& step, const LayerWeights& layer, std::uint32_t index, kernels::MatrixView<const float> x,
           const PartOutput& output) override;

  std::uint64_t kv_cache_bytes() const override { return cache_.bytes(); }

 private:
  explicit LatentPart(const ModelConfig& config);

  Result<void> allocate(const DecoderOptions& options, std::uint32_t num_layers);
  float scale() const;  // Of scores.
  // Queries of the step's tokens, rotated in part; their rows of the cache likewise.
  void project(const LayerStep& step, const LayerWeights& layer, kernels::MatrixView<const float> x);
  void attend(const LayerStep& step, const LayerWeights& layer, const kernels::LatentCacheView& cache);
  // Tokens [first, first + num_tokens) of all, which are those of run_entries_; absorbed.
  void attend_run(const LayerStep& step, const LayerWeights& layer, const kernels::LatentCacheView& cache,
                  std::size_t first, std::size_t num_tokens);

  AttentionConfig config_;
  kernels::RotaryPairs pairs_;
  kernels::LatentCacheLayout layout_;
  CacheMemory cache_;
  AlignedBuffer<float> query_latents_;  // q_lora_rank
  AlignedBuffer<float> queries_;        // heads * qk_head_dim
  AlignedBuffer<float> rows_;           // kv_lora_rank + qk_rope_head_dim
  AlignedBuffer<float> attended_;       // heads * v_head_dim
  std::optional<ExpandedAttention> expanded_;

  // Of a run.
  std::size_t run_tokens_ = 0;
  std::vector<kernels::AttentionEntry> run_entries_;
  AlignedBuffer<float> absorbed_;  // heads * kv_lora_rank
  AlignedBuffer<float> found_;     // As absorbed_.
};

}  // namespace sluice
