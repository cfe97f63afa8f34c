#include "pipeline/stage/stage_executor.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "kernels/cpu/thread_pool.h"
#include "pipeline/model/checkpoint.h"
#include "pipeline/stage/batch_check.h"
#include "pipeline/stage/decoder.h"
#include "pipeline/stage/output_stage.h"

namespace sluice {

using kernels::MatrixView;

struct StageExecutor::Parts {
  Parts(ModelConfig model, const LayerRange& layer_range, StageWeights stage_weights, const BatchLimits& limits)
      : config(std::move(model)), range(layer_range), weights(std::move(stage_weights)), batch_check(limits) {}

  ModelConfig config;
  LayerRange range;
  StageWeights weights;
  BatchCheck batch_check;
  std::unique_ptr<kernels::ThreadPool> pool;
  kernels::CpuContext context;
  std::optional<Decoder> decoder;
  std::optional<OutputStage> output;  // Last stage.
  AlignedBuffer<float> hidden;        // Last stage: [max_batch_tokens, hidden_size]. The others fill what they send.
};

namespace {

Error invalid(std::string what) {
  return Error{ErrorCode::kInvalidConfig, std::move(what)};
}

bool is_f32_or_bf16(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16;
}

Result<void> check_spec(const StageSpec& spec, const ModelConfig& config) {
  constexpr std::uint32_t kBlockTokensMax = 1024;
  constexpr std::uint32_t kBatchTokensMax = 1u << 20;
  const std::uint64_t end = std::uint64_t{spec.first_layer} + spec.num_layers;
  if (spec.num_layers == 0 || end > config.num_hidden_layers) {
    return invalid("layers " + std::to_string(spec.first_layer) + " to " + std::to_string(end) +
                   " (exclusive) of a model of " + std::to_string(config.num_hidden_layers));
  }
  if (!is_f32_or_bf16(spec.dtype))
    return invalid("dtype is " + std::string(to_string(spec.dtype)) + ", not f32 or bf16");
  if (!is_f32_or_bf16(spec.compute)) {
    return invalid("compute is " + std::string(to_string(spec.compute)) + ", not f32 or bf16");
  }
  if (spec.compute == DType::kBF16 && spec.dtype == DType::kF32) {
    return invalid("compute bf16 needs dtype bf16: products of bf16 activations take bf16 weights");
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

// The batch with other hidden states.
StageBatch passed_on(const StageBatch& batch, HiddenStates hidden) {
  StageBatch next;
  next.epoch = batch.epoch;
  next.step = batch.step;
  next.token_ids = batch.token_ids;
  next.entries = batch.entries;
  next.opened = batch.opened;
  next.closed = batch.closed;
  next.hidden = std::move(hidden);
  return next;
}

}  // namespace

Result<std::unique_ptr<StageExecutor>> StageExecutor::create(const StageSpec& spec,
                                                             const LoadProgressCallback& progress) {
  auto config = load_model_config(spec.model_dir);
  if (!config.ok()) return config.error();
  if (auto checked = check_spec(spec, *config); !checked.ok()) return checked.error();
  auto pool = kernels::ThreadPool::create({.threads = spec.threads});
  if (!pool.ok()) return pool.error();

  const LayerRange range{spec.first_layer, spec.num_layers, spec.first_layer == 0,
                         spec.first_layer + spec.num_layers == config->num_hidden_layers};
  auto checkpoint = Checkpoint::open(spec.model_dir);
  if (!checkpoint.ok()) return checkpoint.error();
  auto weights = StageWeights::load(*std::move(checkpoint), *config, range, spec.dtype, progress);
  if (!weights.ok()) return weights.error();

  const BatchLimits limits{config->vocab_size, config->hidden_size, config->max_position_embeddings,
                           spec.block_tokens,  spec.num_blocks,     spec.max_batch_tokens,
                           range.is_first};
  auto parts = std::make_unique<Parts>(*std::move(config), range, *std::move(weights), limits);
  parts->pool = *std::move(pool);
  parts->context = {spec.path, parts->pool.get()};
  auto decoder = Decoder::create(parts->config, parts->weights,
                                 {spec.compute, spec.block_tokens, spec.num_blocks, spec.max_batch_tokens});
  if (!decoder.ok()) return decoder.error();
  parts->decoder = *std::move(decoder);
  if (range.is_last) {
    auto output = OutputStage::create(parts->config, parts->weights,
                                      {spec.compute, spec.threads, spec.max_batch_tokens, spec.max_open_sequences});
    if (!output.ok()) return output.error();
    parts->output = *std::move(output);
    auto hidden = AlignedBuffer<float>::allocate("activations", spec.max_batch_tokens, parts->config.hidden_size);
    if (!hidden.ok()) return hidden.error();
    parts->hidden = *std::move(hidden);
  }
  return std::unique_ptr<StageExecutor>(new StageExecutor(std::move(parts)));
}

StageExecutor::StageExecutor(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
StageExecutor::~StageExecutor() = default;

Result<StageOutput> StageExecutor::run(const StageBatch& batch) {
  auto& parts = *parts_;
  if (auto checked = parts.batch_check.check(batch); !checked.ok()) return checked.error();
  if (parts.output.has_value()) {
    if (auto checked = parts.output->check(batch); !checked.ok()) return checked.error();
    parts.output->update(batch);
  }
  const std::size_t rows = batch.token_ids.size();
  const std::size_t hidden_size = parts.config.hidden_size;

  // Where the residual stream lives: in what the next stage gets, which outlives this call, or in the last's scratch.
  std::shared_ptr<float[]> sent;
  MatrixView<float> hidden(parts.hidden.data(), rows, hidden_size);
  if (!parts.output.has_value() && rows > 0) {
    sent = std::make_shared_for_overwrite<float[]>(rows * hidden_size);
    hidden.data = sent.get();
  }
  if (rows > 0) {
    if (parts.range.is_first) {
      parts.decoder->embed(parts.context, batch.token_ids, hidden);
    } else {
      std::memcpy(hidden.data, batch.hidden.values.data(), rows * hidden_size * sizeof(float));
    }
    parts.decoder->forward(parts.context, batch.entries, hidden);
  }
  if (parts.output.has_value()) return StageOutput(parts.output->run(parts.context, batch, hidden));

  HiddenStates states;
  states.rows = static_cast<std::uint32_t>(rows);
  states.columns = rows > 0 ? parts.config.hidden_size : 0;
  states.values = {hidden.data, rows * hidden_size};
  states.owner = std::move(sent);
  return StageOutput(passed_on(batch, std::move(states)));
}

void StageExecutor::forget_sequences() {
  if (parts_->output.has_value()) parts_->output->forget_sequences();
}

bool StageExecutor::is_first() const {
  return parts_->range.is_first;
}
bool StageExecutor::is_last() const {
  return parts_->range.is_last;
}
const ModelConfig& StageExecutor::model() const {
  return parts_->config;
}
std::uint64_t StageExecutor::weights_bytes() const {
  return parts_->weights.bytes();
}
std::uint64_t StageExecutor::kv_cache_bytes() const {
  return parts_->decoder->kv_cache_bytes();
}

}  // namespace sluice
