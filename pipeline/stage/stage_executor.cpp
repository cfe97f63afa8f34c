#include "pipeline/stage/stage_executor.h"

#include <string>

#include "pipeline/stage/decoder_executor.h"
#include "pipeline/stage/device_clock.h"
#include "pipeline/stage/mock_executor.h"

namespace sluice {
namespace {

Error invalid(std::string what) {
  return Error{ErrorCode::kInvalidConfig, std::move(what)};
}

bool is_f32_or_bf16(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16;
}

}  // namespace

Result<std::unique_ptr<StageExecutor>> StageExecutor::create(const StageSpec& spec,
                                                             const LoadProgressCallback& progress) {
  auto config = load_model_config(spec.model_dir);
  if (!config.ok()) return config.error();
  if (auto checked = check_spec(spec, *config); !checked.ok()) return checked.error();
  if (spec.weights == WeightsKind::kMock) {
    return std::unique_ptr<StageExecutor>(
        std::make_unique<MockExecutor>(spec, *std::move(config), std::make_unique<SteadyDeviceClock>()));
  }
  return DecoderExecutor::create(spec, *std::move(config), progress);
}

Result<void> check_spec(const StageSpec& spec, const ModelConfig& config) {
  constexpr std::uint32_t kBlockTokensMax = 1024;
  constexpr std::uint32_t kBatchTokensMax = 1u << 20;
  const std::uint64_t end = std::uint64_t{spec.first_layer} + spec.num_layers;
  if (spec.num_layers == 0 || end > config.num_hidden_layers) {
    return invalid("layers " + std::to_string(spec.first_layer) + " to " + std::to_string(end) +
                   " (exclusive) of a model of " + std::to_string(config.num_hidden_layers));
  }
  if (auto checked = check_shard(config, spec.shard); !checked.ok()) return checked.error();
  if (!is_f32_or_bf16(spec.dtype))
    return invalid("dtype is " + std::string(to_string(spec.dtype)) + ", not f32 or bf16");
  if (!is_f32_or_bf16(spec.compute)) {
    return invalid("compute is " + std::string(to_string(spec.compute)) + ", not f32 or bf16");
  }
  if (spec.compute == DType::kBF16 && spec.dtype == DType::kF32) {
    return invalid("compute bf16 needs dtype bf16");
  }
  if (!kernels::is_available(spec.path)) {
    return invalid("this machine has no instructions for path " + std::string(kernels::to_string(spec.path)));
  }
  if (spec.block_tokens == 0 || spec.block_tokens > kBlockTokensMax) {
    return invalid("block_tokens is " + std::to_string(spec.block_tokens) + ", allowed are 1 to " +
                   std::to_string(kBlockTokensMax));
  }
  if (spec.num_blocks == 0) return invalid("num_blocks is 0");
  if (spec.max_batch_tokens == 0 || spec.max_batch_tokens > kBatchTokensMax) {
    return invalid("max_batch_tokens is " + std::to_string(spec.max_batch_tokens) + ", allowed are 1 to " +
                   std::to_string(kBatchTokensMax));
  }
  if (spec.max_open_sequences == 0) return invalid("max_open_sequences is 0");
  return {};
}

LayerRange layer_range(const StageSpec& spec, const ModelConfig& config) {
  return {spec.first_layer, spec.num_layers, spec.first_layer == 0,
          spec.first_layer + spec.num_layers == config.num_hidden_layers, spec.shard};
}

BatchLimits batch_limits(const StageSpec& spec, const ModelConfig& config) {
  return {config.vocab_size, config.hidden_size,    config.max_position_embeddings,    spec.block_tokens,
          spec.num_blocks,   spec.max_batch_tokens, layer_range(spec, config).is_first};
}

StageBatch passed_on(const StageBatch& batch, HiddenStates hidden) {
  StageBatch next;
  next.epoch = batch.epoch;
  next.step = batch.step;
  next.token_ids = batch.token_ids;
  next.entries = batch.entries;
  next.opened = batch.opened;
  next.closed = batch.closed;
  next.hidden = std::move(hidden);
  next.idle_us = batch.idle_us;
  return next;
}

}  // namespace sluice
