#include "pipeline/schedule/batch_builder.h"

#include <utility>

#include "base/check.h"

namespace sluice {

BatchBuilder::BatchBuilder(Epoch epoch, StepId step, const SchedulerConfig& config)
    : max_batch_tokens_(config.max_batch_tokens), max_history_tokens_(config.max_history_tokens) {
  batch_.epoch = epoch;
  batch_.step = step;
  step_.step = step;
}

bool BatchBuilder::has_room_for_history(const Sequence& sequence) const {
  if (!sequence.needs_opening || history_tokens_ == 0) return true;
  return history_tokens_ + sequence.planned_tokens <= max_history_tokens_;
}

void BatchBuilder::add(Sequence& sequence, std::uint32_t count, TimePoint now) {
  SLUICE_CHECK_GE(count, 1u);
  SLUICE_CHECK_LE(count, budget());
  const std::uint32_t first = sequence.planned_tokens;
  const std::uint32_t end = first + count;
  SLUICE_CHECK_LE(end, sequence.num_tokens());
  const std::uint32_t prompt_logprobs = sequence.prompt_logprobs_of(first, count);

  if (sequence.needs_opening) {
    batch_.opened.push_back({sequence.id,
                             sequence.spec.sampling,
                             sequence.spec.seed,
                             sequence.spec.logprobs,
                             sequence.prompt_tokens,
                             {sequence.tokens.begin(), sequence.tokens.begin() + first}});
    history_tokens_ += first;
    sequence.needs_opening = false;
    sequence.is_open_at_stages = true;
  }
  BatchEntry entry;
  entry.sequence = sequence.id;
  entry.first_position = first;
  entry.num_tokens = count;
  entry.wants_sample = end == sequence.num_tokens();
  entry.wants_prompt_logprobs = prompt_logprobs > 0;
  if (prompt_logprobs > 0 && end < sequence.prompt_tokens) entry.next_prompt_token = sequence.tokens[end];
  const auto blocks = sequence.blocks.prefix(end);
  entry.block_table.assign(blocks.begin(), blocks.end());

  const auto tokens = sequence.tokens.begin();
  batch_.token_ids.insert(batch_.token_ids.end(), tokens + first, tokens + end);
  step_.entries.push_back({&sequence, first, count, sequence.is_prefilling(), entry.wants_sample, prompt_logprobs,
                           !sequence.first_planned_at});
  batch_.entries.push_back(std::move(entry));

  sequence.planned_tokens = end;
  sequence.last_step = batch_.step.value;
  ++sequence.steps_in_flight;
  if (!sequence.first_planned_at) sequence.first_planned_at = now;
}

StageBatch BatchBuilder::take_batch(std::vector<SequenceId> closed) {
  batch_.closed = std::move(closed);
  return std::move(batch_);
}

PlannedStep BatchBuilder::take_step() {
  return std::move(step_);
}

}  // namespace sluice
