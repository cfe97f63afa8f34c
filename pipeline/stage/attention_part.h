// The attention of a stage's layers, of the kind that the model has: reads the normed residual stream of a step's
// tokens, keeps what later tokens need of them, and adds its output.
//
// Owns:     the KV cache of the stage's layers, and scratch. Confined: to the stage's thread.
// Errors:   make(): kInvalidConfig where memory is short.
#pragma once

#include <cstdint>
#include <memory>

#include "pipeline/model/model_config.h"
#include "pipeline/model/stage_weights.h"
#include "pipeline/stage/decoder_part.h"

namespace sluice {

class AttentionPart {
 public:
  // `config` is the model as it looks to the rank.
  static Result<std::unique_ptr<AttentionPart>> make(const ModelConfig& config, const DecoderOptions& options,
                                                     std::uint32_t num_layers);

  AttentionPart() = default;
  AttentionPart(const AttentionPart&) = delete;
  AttentionPart& operator=(const AttentionPart&) = delete;
  virtual ~AttentionPart() = default;

  // Layer `index` of the stage, over x [T, hidden_size] normed.
  virtual void run(const LayerStep& step, const LayerWeights& layer, std::uint32_t index,
                   kernels::MatrixView<const float> x, const PartOutput& output) = 0;

  virtual std::uint64_t kv_cache_bytes() const = 0;
};

}  // namespace sluice
