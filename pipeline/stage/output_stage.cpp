#include "pipeline/stage/output_stage.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/linear/linear.h"
#include "kernels/logits/log_softmax.h"
#include "kernels/norm/rms_norm.h"
#include "pipeline/stage/batch_check.h"

namespace sluice {
namespace {

using kernels::CpuContext;
using kernels::MatrixView;

// Logits of a prompt whose log-probabilities are asked for come in groups that take no more than this.
constexpr std::size_t kLogitsBytes = 32u << 20;

}  // namespace

Result<OutputStage> OutputStage::create(const ModelConfig& config, const StageWeights& weights,
                                        const OutputStageOptions& options) {
  OutputStage stage(config, weights, options);
  const std::size_t row_bytes = std::size_t{config.vocab_size} * sizeof(float);
  stage.group_rows_ =
      std::min<std::size_t>(options.max_batch_tokens, std::max<std::size_t>(16, kLogitsBytes / row_bytes));
  auto normed = AlignedBuffer<float>::allocate("activations", stage.group_rows_, config.hidden_size);
  if (!normed.ok()) return normed.error();
  stage.normed_ = *std::move(normed);
  auto logits = AlignedBuffer<float>::allocate("logits", stage.group_rows_, config.vocab_size);
  if (!logits.ok()) return logits.error();
  stage.logits_ = *std::move(logits);
  if (!options.shard.is_whole()) {
    // Zeroed: what no share fills travels too.
    stage.shares_max_ = (config.vocab_size + options.shard.num_ranks - 1) / options.shard.num_ranks;
    auto part = AlignedBuffer<float>::allocate("logits", stage.group_rows_, stage.shares_max_);
    if (!part.ok()) return part.error();
    stage.part_ = *std::move(part);
    std::fill_n(stage.part_.data(), stage.group_rows_ * stage.shares_max_, 0.0f);
    auto parts =
        AlignedBuffer<float>::allocate("logits", stage.group_rows_ * options.shard.num_ranks, stage.shares_max_);
    if (!parts.ok()) return parts.error();
    stage.parts_ = *std::move(parts);
  }
  for (std::uint32_t i = 0; i < options.threads; ++i) stage.samplers_.emplace_back(config.vocab_size);
  return stage;
}

Result<StepResult> OutputStage::run(const CpuContext& context, kernels::Communicator* ranks, const StageBatch& batch,
                                    MatrixView<const float> hidden) {
  StepResult result;
  result.epoch = batch.epoch;
  result.step = batch.step;
  plan_rows(batch, result);
  const std::size_t vocab_size = config_->vocab_size;
  for (std::size_t begin = 0; begin < rows_.size(); begin += group_rows_) {
    const auto group = std::span(rows_).subspan(begin, std::min(group_rows_, rows_.size() - begin));
    if (auto computed = compute_logits(context, ranks, group, hidden); !computed.ok()) return computed.error();
    if (ranks != nullptr && ranks->rank() != 0) continue;
    // At most one range per thread, so that each has a sampler to itself.
    const std::size_t grain = (group.size() + samplers_.size() - 1) / samplers_.size();
    context.parallel(group.size(), grain, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) {
        finish_row(context, group[i], {logits_.data() + i * vocab_size, vocab_size}, samplers_[first / grain]);
      }
    });
  }
  if (ranks != nullptr && ranks->rank() != 0) return StepResult{batch.epoch, batch.step, {}, {}, {}};
  return result;
}

void OutputStage::plan_rows(const StageBatch& batch, StepResult& result) {
  rows_.clear();
  // Rows point into the result: it must not grow any more once they do.
  result.samples.reserve(batch.entries.size());
  result.prompt_logprobs.reserve(batch.entries.size());
  std::size_t first_row = 0;
  for (const auto& entry : batch.entries) {
    const OpenSequence& sequence = open_.at(entry.sequence);
    const std::uint32_t count = num_prompt_logprobs(entry, sequence.sampler.prompt_tokens());
    if (count > 0) {
      auto& values =
          result.prompt_logprobs.emplace_back(PromptLogprobs{entry.sequence, entry.first_position + 1, {}}).values;
      values.resize(count);
      for (std::uint32_t i = 0; i < count; ++i) {
        const bool is_inside = i + 1 < entry.num_tokens;
        const TokenId next = is_inside ? batch.token_ids[first_row + i + 1] : entry.next_prompt_token;
        rows_.push_back({first_row + i, nullptr, &sequence, next, &values[i]});
      }
    }
    const std::size_t last_row = first_row + entry.num_tokens - 1;
    if (entry.wants_sample) {
      auto& sample = result.samples.emplace_back();
      sample.sequence = entry.sequence;
      sample.position = sequence.sampler.num_tokens();
      if (count == entry.num_tokens) {
        rows_.back().sample = &sample;
      } else {
        rows_.push_back({last_row, &sample, &sequence, -1, nullptr});
      }
    }
    first_row += entry.num_tokens;
  }
}

Result<void> OutputStage::compute_logits(const CpuContext& context, kernels::Communicator* ranks,
                                         std::span<const Row> rows, MatrixView<const float> hidden) {
  const std::size_t hidden_size = config_->hidden_size;
  const MatrixView<float> normed(normed_.data(), rows.size(), hidden_size);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(normed.row(i), hidden.row(rows[i].token_row), hidden_size * sizeof(float));
  }
  kernels::rms_norm(context, normed, weights_->final_norm, config_->rms_norm_eps, normed);
  if (options_.shard.is_whole()) {
    kernels::linear(context, normed, weights_->output_head, {logits_.data(), rows.size(), config_->vocab_size});
    return {};
  }
  SLUICE_CHECK(ranks != nullptr);
  const std::size_t columns = weights_->output_head.rows;
  kernels::linear(context, normed, weights_->output_head, {part_.data(), rows.size(), columns, shares_max_});
  return gather_logits(*ranks, rows.size());
}

Result<void> OutputStage::gather_logits(kernels::Communicator& ranks, std::size_t num_rows) {
  const std::size_t part_size = num_rows * shares_max_;
  const std::uint32_t num_ranks = options_.shard.num_ranks;
  auto gathered = ranks.all_gather({part_.data(), part_size}, {parts_.data(), num_ranks * part_size});
  if (!gathered.ok() || ranks.rank() != 0) return gathered;
  for (std::uint32_t rank = 0; rank < num_ranks; ++rank) {
    const ShardRange share = share_of(config_->vocab_size, {rank, num_ranks});
    for (std::size_t i = 0; i < num_rows; ++i) {
      std::memcpy(logits_.data() + i * config_->vocab_size + share.begin,
                  parts_.data() + rank * part_size + i * shares_max_, share.size() * sizeof(float));
    }
  }
  return {};
}

void OutputStage::finish_row(const CpuContext& context, const Row& row, std::span<const float> logits,
                             Sampler& sampler) const {
  const auto& wanted = row.sequence->logprobs;
  const bool samples_logprobs = row.sample != nullptr && (wanted.output || wanted.top > 0);
  kernels::LogitStatistics statistics;
  if (row.prompt_logprob != nullptr || samples_logprobs) {
    statistics = kernels::logit_statistics(context.path, logits);
  }
  if (row.prompt_logprob != nullptr) {
    *row.prompt_logprob = statistics.log_probability(logits[static_cast<std::size_t>(row.next_prompt_token)]);
  }
  if (row.sample == nullptr) return;
  row.sample->token = sampler.sample(row.sequence->sampler, logits);
  if (!samples_logprobs && !wanted.digest) return;
  auto& logprobs = row.sample->logprobs.emplace();
  if (samples_logprobs) {
    logprobs.logprob = statistics.log_probability(logits[static_cast<std::size_t>(row.sample->token)]);
  }
  if (wanted.top > 0) {
    std::array<kernels::TokenLogProbability, BatchLimits::kTopLogprobsMax> best;
    const auto count = kernels::top_log_probabilities(logits, statistics, std::span(best).first(wanted.top));
    for (std::size_t i = 0; i < count; ++i) logprobs.top.push_back({best[i].token, best[i].log_probability});
  }
  if (wanted.digest) logprobs.digest = XXH3_64bits(logits.data(), logits.size_bytes());
}

}  // namespace sluice
