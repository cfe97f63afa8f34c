#include "pipeline/stage/feed_forward_part.h"

#include <algorithm>

#include "kernels/activation/swiglu.h"
#include "kernels/linear/linear.h"
#include "kernels/moe/router.h"

namespace sluice {

using kernels::ExpertScratch;
using kernels::MatrixView;

Result<FeedForwardPart> FeedForwardPart::create(const ModelConfig& config, const LayerRange& range,
                                                const DecoderOptions& options) {
  FeedForwardPart part;
  const ModelConfig mine = shard_config(config, range.shard);
  const ShardRange experts = experts_of(config, range.shard);
  part.config_ = mine.mixture;
  part.first_expert_ = static_cast<std::uint32_t>(experts.begin);
  std::size_t widest = 0;
  bool has_mixture = false;
  for (std::uint32_t i = 0; i < range.num_layers; ++i) {
    const bool is_mixture = config.feed_forward_kind(range.first_layer + i) == FeedForwardKind::kMixture;
    has_mixture = has_mixture || is_mixture;
    widest = std::max<std::size_t>(
        widest, is_mixture ? mine.mixture.shared_intermediate_size : mine.feed_forward.intermediate_size);
  }
  auto scratch = allocate_scratch(options.max_batch_tokens, {{&part.gate_, widest}, {&part.up_, widest}});
  if (!scratch.ok()) return scratch.error();
  if (has_mixture) {
    auto allocated = part.allocate_mixture(mine.mixture, options, static_cast<std::size_t>(experts.size()));
    if (!allocated.ok()) return allocated.error();
  }
  return part;
}

Result<void> FeedForwardPart::allocate_mixture(const MixtureConfig& part, const DecoderOptions& options,
                                               std::size_t num_experts) {
  const std::size_t rows = options.max_batch_tokens;
  const std::size_t top_k = part.num_experts_per_tok;
  auto scratch = allocate_scratch(rows, {{&logits_, part.num_experts}, {&chosen_weights_, top_k}});
  if (!scratch.ok()) return scratch;
  const std::size_t run = tokens_per_run(rows, ExpertScratch::activation_elements(1, top_k, part.intermediate_size));
  activation_elements_ = ExpertScratch::activation_elements(run, top_k, part.intermediate_size);
  grouping_elements_ = ExpertScratch::grouping_elements(run, top_k, num_experts);
  scratch = allocate_scratch(1, {{&activations_, activation_elements_}});
  if (!scratch.ok()) return scratch;
  auto chosen = AlignedBuffer<std::uint32_t>::allocate("choices of experts", rows, top_k);
  if (!chosen.ok()) return chosen.error();
  chosen_ = *std::move(chosen);
  auto grouping = AlignedBuffer<std::uint32_t>::allocate("choices of experts", 1, grouping_elements_);
  if (!grouping.ok()) return grouping.error();
  grouping_ = *std::move(grouping);
  return {};
}

void FeedForwardPart::run(const LayerStep& step, const LayerWeights& layer, FeedForwardKind kind,
                          MatrixView<const float> x, const PartOutput& output) {
  switch (kind) {
    case FeedForwardKind::kSwiGlu: return swiglu(step, layer, x, output);
    case FeedForwardKind::kMixture: return mixture(step, layer, x, output);
  }
}

void FeedForwardPart::swiglu(const LayerStep& step, const LayerWeights& layer, MatrixView<const float> x,
                             const PartOutput& output) {
  const MatrixView<float> gate(gate_.data(), x.rows, layer.gate.rows);
  const MatrixView<float> up(up_.data(), x.rows, layer.up.rows);
  kernels::linear(step.context, x, layer.gate, gate, {.bias = layer.gate_bias});
  kernels::linear(step.context, x, layer.up, up, {.bias = layer.up_bias});
  kernels::swiglu(step.context, gate, up, gate);
  kernels::linear(step.context, gate, layer.down, output.y, {.bias = layer.down_bias, .accumulate = output.accumulate});
}

void FeedForwardPart::mixture(const LayerStep& step, const LayerWeights& layer, MatrixView<const float> x,
                              const PartOutput& output) {
  const MatrixView<float> logits(logits_.data(), x.rows, config_.num_experts);
  const MatrixView<std::uint32_t> chosen(chosen_.data(), x.rows, config_.num_experts_per_tok);
  const MatrixView<float> weights(chosen_weights_.data(), x.rows, config_.num_experts_per_tok);
  kernels::linear(step.context, x, layer.router, logits);
  kernels::RouterOptions options;
  options.scoring = config_.scoring;
  options.ranking = config_.ranking;
  options.correction_bias = layer.router_bias;
  options.top_k = config_.num_experts_per_tok;
  options.num_groups = config_.num_groups;
  options.topk_groups = config_.topk_groups;
  options.normalize = config_.normalizes;
  options.scale = config_.scale;
  kernels::route_tokens(step.context, logits, options, chosen, weights);

  if (!output.accumulate) {
    for (std::size_t i = 0; i < output.y.rows; ++i) std::fill_n(output.y.row(i), output.y.columns, 0.0f);
  }
  kernels::run_experts(step.context, x, layer.experts, first_expert_, {chosen, weights},
                       {{activations_.data(), activation_elements_}, {grouping_.data(), grouping_elements_}}, output.y);
  if (config_.shared_intermediate_size > 0) swiglu(step, layer, x, {output.y, true});
}

}  // namespace sluice
