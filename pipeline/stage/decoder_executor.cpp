#include "pipeline/stage/decoder_executor.h"

#include <cstring>
#include <optional>

#include "kernels/cpu/thread_pool.h"
#include "pipeline/model/checkpoint.h"
#include "pipeline/stage/decoder.h"
#include "pipeline/stage/output_stage.h"

namespace sluice {

using kernels::MatrixView;

struct DecoderExecutor::Parts {
  Parts(ModelConfig model, const LayerRange& layer_range, StageWeights stage_weights, const BatchLimits& limits)
      : config(std::move(model)), range(layer_range), weights(std::move(stage_weights)), batch_check(limits) {}

  ModelConfig config;
  LayerRange range;
  StageWeights weights;
  BatchCheck batch_check;
  std::unique_ptr<kernels::ThreadPool> pool;
  kernels::CpuContext context;
  kernels::Communicator* ranks = nullptr;
  std::optional<Decoder> decoder;
  std::optional<OutputStage> output;  // Last stage.
  AlignedBuffer<float> hidden;        // Last stage: [max_batch_tokens, hidden_size]. The others fill what they send.
};

namespace {

Result<StageWeights> load_weights(const StageSpec& spec, const ModelConfig& config, const LayerRange& range,
                                  const LoadProgressCallback& progress, const kernels::CpuContext& context) {
  if (spec.weights == WeightsKind::kRandom) return StageWeights::draw(config, range, spec.dtype, progress);
  auto checkpoint = Checkpoint::open(spec.model_dir);
  if (!checkpoint.ok()) return checkpoint.error();
  return StageWeights::load(*std::move(checkpoint), config, range, spec.dtype, progress, context);
}

}  // namespace

Result<std::unique_ptr<StageExecutor>> DecoderExecutor::create(const StageSpec& spec, ModelConfig config,
                                                               const LoadProgressCallback& progress) {
  auto pool = kernels::ThreadPool::create({.threads = spec.threads});
  if (!pool.ok()) return pool.error();
  const LayerRange range = layer_range(spec, config);
  const kernels::CpuContext context = {spec.path, pool->get()};
  auto weights = load_weights(spec, config, range, progress, context);
  if (!weights.ok()) return weights.error();

  const BatchLimits limits = batch_limits(spec, config);
  auto parts = std::make_unique<Parts>(std::move(config), range, *std::move(weights), limits);
  parts->pool = *std::move(pool);
  parts->context = context;
  auto decoder = Decoder::create(parts->config, range, parts->weights,
                                 {kv_cache_dtype(parts->config.attention, spec.compute), spec.block_tokens,
                                  spec.num_blocks, spec.max_batch_tokens, spec.deterministic});
  if (!decoder.ok()) return decoder.error();
  parts->decoder = *std::move(decoder);
  if (range.is_last) {
    auto output = OutputStage::create(parts->config, parts->weights,
                                      {spec.threads, spec.max_batch_tokens, spec.max_open_sequences, spec.shard});
    if (!output.ok()) return output.error();
    parts->output = *std::move(output);
    auto hidden = AlignedBuffer<float>::allocate("activations", spec.max_batch_tokens, parts->config.hidden_size);
    if (!hidden.ok()) return hidden.error();
    parts->hidden = *std::move(hidden);
  }
  return std::unique_ptr<StageExecutor>(new DecoderExecutor(std::move(parts)));
}

DecoderExecutor::DecoderExecutor(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
DecoderExecutor::~DecoderExecutor() = default;

Result<StageOutput> DecoderExecutor::run(const StageBatch& batch) {
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
      auto embedded = parts.decoder->embed(parts.context, parts.ranks, batch.token_ids, hidden);
      if (!embedded.ok()) return embedded.error();
    } else {
      std::memcpy(hidden.data, batch.hidden.values.data(), rows * hidden_size * sizeof(float));
    }
    auto computed = parts.decoder->forward(parts.context, parts.ranks, batch.entries, hidden);
    if (!computed.ok()) return computed.error();
  }
  if (parts.output.has_value()) {
    auto result = parts.output->run(parts.context, parts.ranks, batch, hidden);
    if (!result.ok()) return result.error();
    return StageOutput(*std::move(result));
  }

  HiddenStates states;
  states.rows = static_cast<std::uint32_t>(rows);
  states.columns = rows > 0 ? parts.config.hidden_size : 0;
  states.values = {hidden.data, rows * hidden_size};
  states.owner = std::move(sent);
  return StageOutput(passed_on(batch, std::move(states)));
}

void DecoderExecutor::join(kernels::Communicator* ranks) {
  parts_->ranks = ranks;
}

void DecoderExecutor::forget_sequences() {
  if (parts_->output.has_value()) parts_->output->forget_sequences();
}

bool DecoderExecutor::is_first() const {
  return parts_->range.is_first;
}
bool DecoderExecutor::is_last() const {
  return parts_->range.is_last;
}
const ModelConfig& DecoderExecutor::model() const {
  return parts_->config;
}
std::uint64_t DecoderExecutor::weights_bytes() const {
  return parts_->weights.bytes();
}
std::uint64_t DecoderExecutor::kv_cache_bytes() const {
  return parts_->decoder->kv_cache_bytes();
}

}  // namespace sluice
