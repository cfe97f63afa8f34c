// Grouped-query attention, with biases and norms of each head where the model has them (attention_part.h).
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/attention/kv_cache_layout.h"
#include "pipeline/stage/attention_part.h"
#include "pipeline/stage/cache_memory.h"

namespace sluice {

class GroupedQueryPart final : public AttentionPart {
 public:
  static Result<std::unique_ptr<AttentionPart>> create(const ModelConfig& config, const DecoderOptions& options,
                                                       std::uint32_t num_layers);

  void run(const LayerStep& step, const LayerWeights& layer, std::uint32_t index, kernels::MatrixView<const float> x,
           const PartOutput& output) override;

  std::uint64_t kv_cache_bytes() const override { return cache_.bytes(); }

 private:
  explicit GroupedQueryPart(const ModelConfig& config) : config_(config.attention), epsilon_(config.rms_norm_eps) {}

  void norm_heads(const LayerStep& step, const kernels::WeightView& weight, kernels::MatrixView<float> x) const;

  AttentionConfig config_;
  float epsilon_;
  kernels::KvCacheLayout layout_;
  CacheMemory cache_;  // Of each layer keys, then values.
  AlignedBuffer<float> queries_;
  AlignedBuffer<float> keys_;
  AlignedBuffer<float> values_;
  AlignedBuffer<float> attended_;
};

}  // namespace sluice
