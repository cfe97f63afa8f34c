// The weights of one stage in memory, as kernels take them.
//
// A tensor whose dtype in the file is the one asked for is used straight from the mapping, a shard's rows or columns
// too: resident once for all processes of a machine that serve the model. Any other is converted into memory of its
// own: block-scaled float8 by way of bf16 (fp8_tensor.h).
//
// Owns:   the checkpoint's mappings, and the tensors that were converted or drawn.
// Thread: immutable once loaded.
// Errors: kModelLoadFailed, naming file and tensor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "kernels/cpu/context.h"
#include "kernels/tensor.h"
#include "pipeline/model/checkpoint.h"
#include "pipeline/model/decoder_tensors.h"
#include "pipeline/model/layer_weights.h"
#include "pipeline/model/model_config.h"

namespace sluice {

// Called while weights load, with bytes_done from 0 to bytes_total.
using LoadProgressCallback = std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_total)>;

class StageWeights {
 public:
  // Reads every page that the stage needs, so that the first step does not wait for the disk. `dtype` is f32 or bf16.
  // `context` is what conversions run on.
  static Result<StageWeights> load(Checkpoint checkpoint, const ModelConfig& config, const LayerRange& range,
                                   DType dtype, const LoadProgressCallback& progress = {},
                                   const kernels::CpuContext& context = {});

  // The same without a checkpoint: every tensor drawn (random_weights.h).
  static Result<StageWeights> draw(const ModelConfig& config, const LayerRange& range, DType dtype,
                                   const LoadProgressCallback& progress = {});

  std::uint64_t bytes() const { return bytes_; }
  // Of those, the bytes that are not the mapped file's.
  std::uint64_t converted_bytes() const { return converted_bytes_; }

  kernels::WeightView embedding;  // First stage, else empty. Of a shard: its share of the vocabulary.
  std::vector<LayerWeights> layers;
  kernels::WeightView final_norm;   // Last stage, else empty.
  kernels::WeightView output_head;  // Last stage, else empty; may be the embedding. Shared out as that is.

 private:
  class Loader;

  explicit StageWeights(std::optional<Checkpoint> checkpoint) : checkpoint_(std::move(checkpoint)) {}

  static Result<StageWeights> make(std::optional<Checkpoint> checkpoint, const ModelConfig& config,
                                   const LayerRange& range, DType dtype, const LoadProgressCallback& progress,
                                   const kernels::CpuContext& context);

  std::optional<Checkpoint> checkpoint_;  // Absent: drawn.
  std::vector<std::unique_ptr<std::byte[]>> converted_;
  std::uint64_t bytes_ = 0;
  std::uint64_t converted_bytes_ = 0;
};

}  // namespace sluice
