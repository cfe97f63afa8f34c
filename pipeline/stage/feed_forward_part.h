// The feed-forward part of a stage's layers, of the kind that each layer has: SwiGLU, or a mixture of experts with
// shared ones.
//
// A mixture's router and its experts compute in f32 whatever the stage computes in: whom a token goes to hangs on small
// differences. What is added up is added up in the order of the experts, the shared ones last.
//
// Owns:     scratch. Confined: to the stage's thread.
// Errors:   create(): kInvalidConfig where memory is short.
#pragma once

#include <cstdint>

#include "kernels/moe/experts.h"
#include "pipeline/model/model_config.h"
#include "pipeline/model/shard.h"
#include "pipeline/model/stage_weights.h"
#include "pipeline/stage/decoder_part.h"

namespace sluice {

class FeedForwardPart {
 public:
  FeedForwardPart() = default;

  // `config` is the whole model's. Scratch is for the kinds of layers that the range has.
  static Result<FeedForwardPart> create(const ModelConfig& config, const LayerRange& range,
                                        const DecoderOptions& options);

  // A layer of that kind, over x [T, hidden_size] normed.
  void run(const LayerStep& step, const LayerWeights& layer, FeedForwardKind kind, kernels::MatrixView<const float> x,
           const PartOutput& output);

 private:
  Result<void> allocate_mixture(const MixtureConfig& part, const DecoderOptions& options, std::size_t num_experts);
  void swiglu(const LayerStep& step, const LayerWeights& layer, kernels::MatrixView<const float> x,
              const PartOutput& output);
  void mixture(const LayerStep& step, const LayerWeights& layer, kernels::MatrixView<const float> x,
               const PartOutput& output);

  MixtureConfig config_;
  std::uint32_t first_expert_ = 0;
  AlignedBuffer<float> gate_;  // The widest layer's intermediate size.
  AlignedBuffer<float> up_;    // As gate_.

  AlignedBuffer<float> logits_;          // num_experts
  AlignedBuffer<std::uint32_t> chosen_;  // num_experts_per_tok
  AlignedBuffer<float> chosen_weights_;  // As chosen_.
  std::size_t activation_elements_ = 0;
  std::size_t grouping_elements_ = 0;
  AlignedBuffer<float> activations_;
  AlignedBuffer<std::uint32_t> grouping_;
};

}  // namespace sluice
