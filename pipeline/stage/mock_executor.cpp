#include "pipeline/stage/mock_executor.h"

#include <algorithm>
#include <string>

namespace sluice {
namespace {

// Calls visit(token, position, row) for each token of the batch.
template <class Visit>
void each_token(const StageBatch& batch, const Visit& visit) {
  std::size_t row = 0;
  for (const BatchEntry& entry : batch.entries) {
    for (std::uint32_t i = 0; i < entry.num_tokens; ++i, ++row)
      visit(batch.token_ids[row], entry.first_position + i, row);
  }
}

Error violation(SequenceId sequence, const std::string& what) {
  return {ErrorCode::kProtocolViolation, "sequence " + std::to_string(sequence.value) + " " + what};
}

}  // namespace

MockExecutor::Sequence::Sequence(const SequenceOpening& opening)
    : seed_(opening.seed),
      choice_(opening.sampling.choice),
      logprobs_(opening.logprobs),
      prompt_tokens_(opening.prompt_tokens),
      num_tokens_(static_cast<std::uint32_t>(opening.history.size())) {}

TokenId MockExecutor::Sequence::output_at(std::uint32_t position, std::uint32_t vocab_size) const {
  return mock_token(seed_, choice_, position, vocab_size);
}

Sample MockExecutor::Sequence::next_sample(SequenceId id, std::uint32_t vocab_size) const {
  Sample sample{id, num_tokens_, output_at(num_tokens_, vocab_size), {}};
  if (!logprobs_.output && logprobs_.top == 0 && !logprobs_.digest) return sample;
  auto& logprobs = sample.logprobs.emplace();
  if (logprobs_.top > 0) logprobs.top.push_back({sample.token, 0.0f});
  if (logprobs_.digest) logprobs.digest = mock_digest(seed_, choice_, num_tokens_);
  return sample;
}

MockExecutor::MockExecutor(const StageSpec& spec, ModelConfig config, std::unique_ptr<DeviceClock> clock)
    : config_(std::move(config)),
      range_(layer_range(spec, config_)),
      costs_(spec.mock),
      clock_(std::move(clock)),
      batch_check_(batch_limits(spec, config_)),
      open_(spec.max_open_sequences) {}

Result<StageOutput> MockExecutor::run(const StageBatch& batch) {
  if (auto checked = batch_check_.check(batch); !checked.ok()) return checked.error();
  if (auto checked = check_hidden(batch); !checked.ok()) return checked.error();
  if (range_.is_last) {
    if (auto checked = open_.check(batch); !checked.ok()) return checked.error();
    if (auto checked = check_outputs(batch); !checked.ok()) return checked.error();
    open_.update(batch);
  }
  take_time(batch.token_ids.size());
  if (range_.is_last) return StageOutput(answer(batch));
  return StageOutput(passed_on(batch, hidden_states(batch)));
}

Result<void> MockExecutor::check_hidden(const StageBatch& batch) const {
  Result<void> checked;
  if (range_.is_first) return checked;
  const std::size_t columns = config_.hidden_size;
  each_token(batch, [&](TokenId token, std::uint32_t position, std::size_t row) {
    const auto values = batch.hidden.values.subspan(row * columns, columns);
    const float expected = mock_hidden_state(token, position);
    if (values.front() == expected && values.back() == expected) return;
    checked =
        Error{ErrorCode::kProtocolViolation, "hidden state of row " + std::to_string(row) + " is not that of token " +
                                                 std::to_string(token) + " at position " + std::to_string(position)};
  });
  return checked;
}

Result<void> MockExecutor::check_outputs(const StageBatch& batch) const {
  std::unordered_map<SequenceId, const SequenceOpening*> opened;
  for (const SequenceOpening& opening : batch.opened) opened[opening.sequence] = &opening;
  std::size_t first_row = 0;
  for (const BatchEntry& entry : batch.entries) {
    const auto opening = opened.find(entry.sequence);
    const Sequence sequence = opening != opened.end() ? Sequence(*opening->second) : open_.at(entry.sequence);
    for (std::uint32_t i = 0; i < entry.num_tokens; ++i) {
      const std::uint32_t position = entry.first_position + i;
      if (position < sequence.prompt_tokens()) continue;
      const TokenId expected = sequence.output_at(position, config_.vocab_size);
      if (batch.token_ids[first_row + i] == expected) continue;
      return violation(entry.sequence, "has token " + std::to_string(batch.token_ids[first_row + i]) + " at position " +
                                           std::to_string(position) + ", its output there was " +
                                           std::to_string(expected));
    }
    first_row += entry.num_tokens;
  }
  return {};
}

void MockExecutor::take_time(std::size_t num_tokens) {
  const std::uint64_t us = costs_.step_us + std::uint64_t{costs_.token_us} * num_tokens;
  if (us > 0) clock_->wait_until(clock_->now() + std::chrono::microseconds(us));
}

HiddenStates MockExecutor::hidden_states(const StageBatch& batch) const {
  const std::size_t rows = batch.token_ids.size();
  if (rows == 0) return {};
  const std::size_t columns = config_.hidden_size;
  auto memory = std::make_shared_for_overwrite<float[]>(rows * columns);
  each_token(batch, [&](TokenId token, std::uint32_t position, std::size_t row) {
    std::fill_n(memory.get() + row * columns, columns, mock_hidden_state(token, position));
  });
  HiddenStates states;
  states.rows = static_cast<std::uint32_t>(rows);
  states.columns = config_.hidden_size;
  states.values = {memory.get(), rows * columns};
  states.owner = std::move(memory);
  return states;
}

StepResult MockExecutor::answer(const StageBatch& batch) const {
  StepResult result;
  result.epoch = batch.epoch;
  result.step = batch.step;
  std::size_t first_row = 0;
  for (const BatchEntry& entry : batch.entries) {
    const Sequence& sequence = open_.at(entry.sequence);
    const std::uint32_t count = num_prompt_logprobs(entry, sequence.prompt_tokens());
    if (count > 0) {
      auto& values =
          result.prompt_logprobs.emplace_back(PromptLogprobs{entry.sequence, entry.first_position + 1, {}}).values;
      for (std::uint32_t i = 1; i <= count; ++i) {
        const TokenId next = i < entry.num_tokens ? batch.token_ids[first_row + i] : entry.next_prompt_token;
        values.push_back(-static_cast<float>(next));
      }
    }
    if (entry.wants_sample) result.samples.push_back(sequence.next_sample(entry.sequence, config_.vocab_size));
    first_row += entry.num_tokens;
  }
  return result;
}

}  // namespace sluice
