#include "pipeline/schedule/steps_in_flight.h"

#include <string>
#include <utility>

#include "base/check.h"

namespace sluice {
namespace {

Error violation(StepId step, const std::string& what) {
  return {ErrorCode::kProtocolViolation, "result of step " + std::to_string(step.value) + ": " + what};
}

bool is_in_vocabulary(TokenId token, const SchedulerConfig& config) {
  return token >= 0 && static_cast<std::uint32_t>(token) < config.vocab_size;
}

Result<void> check_sample(StepId step, const Sample& sample, const PlannedEntry& entry, const SchedulerConfig& config) {
  const std::string of = "sample of sequence " + std::to_string(sample.sequence.value);
  if (sample.sequence != entry.sequence->id) {
    return violation(step, of + " where " + std::to_string(entry.sequence->id.value) + " is next");
  }
  const std::uint32_t position = entry.first_position + entry.num_tokens;
  if (sample.position != position) {
    return violation(step,
                     of + " is for position " + std::to_string(sample.position) + ", not " + std::to_string(position));
  }
  if (!is_in_vocabulary(sample.token, config)) {
    return violation(step, of + " is token " + std::to_string(sample.token) + ", outside the vocabulary of " +
                               std::to_string(config.vocab_size));
  }
  const LogprobOptions& wanted = entry.sequence->spec.logprobs;
  if (wanted.output && !sample.logprobs) return violation(step, of + " lacks its log-probability");
  if (!sample.logprobs) return {};
  if (sample.logprobs->top.size() > wanted.top)
    return violation(step, of + " has more log-probabilities than asked for");
  for (const TopLogprob& top : sample.logprobs->top) {
    if (!is_in_vocabulary(top.token, config)) return violation(step, of + " names a token outside the vocabulary");
  }
  return {};
}

Result<void> check_prompt_logprobs(StepId step, const PromptLogprobs& found, const PlannedEntry& entry) {
  const std::string of = "prompt log-probabilities of sequence " + std::to_string(found.sequence.value);
  if (found.sequence != entry.sequence->id) {
    return violation(step, of + " where " + std::to_string(entry.sequence->id.value) + " is next");
  }
  if (found.first_position != entry.first_position + 1) {
    return violation(step, of + " start at " + std::to_string(found.first_position) + ", not " +
                               std::to_string(entry.first_position + 1));
  }
  if (found.values.size() != entry.prompt_logprobs) {
    return violation(
        step, of + " are " + std::to_string(found.values.size()) + ", not " + std::to_string(entry.prompt_logprobs));
  }
  return {};
}

}  // namespace

PlannedStep StepsInFlight::pop() {
  SLUICE_CHECK(!steps_.empty());
  PlannedStep step = std::move(steps_.front());
  steps_.pop_front();
  return step;
}

std::uint32_t StepsInFlight::prefill_tokens() const {
  std::uint32_t tokens = 0;
  for (const PlannedStep& step : steps_) {
    for (const PlannedEntry& entry : step.entries) tokens += entry.is_prefill ? entry.num_tokens : 0;
  }
  return tokens;
}

Result<void> StepsInFlight::check(const StepResult& result, const SchedulerConfig& config) const {
  if (steps_.empty()) return violation(result.step, "no step is in flight");
  const PlannedStep& step = steps_.front();
  if (result.step != step.step) {
    return violation(result.step, "step " + std::to_string(step.step.value) + " is the next to return");
  }
  std::size_t samples = 0;
  std::size_t prompt_logprobs = 0;
  for (const PlannedEntry& entry : step.entries) {
    if (entry.wants_sample) {
      if (samples == result.samples.size()) return violation(step.step, "a sample is missing");
      auto checked = check_sample(step.step, result.samples[samples++], entry, config);
      if (!checked) return checked;
    }
    if (entry.prompt_logprobs > 0) {
      if (prompt_logprobs == result.prompt_logprobs.size()) {
        return violation(step.step, "prompt log-probabilities are missing");
      }
      auto checked = check_prompt_logprobs(step.step, result.prompt_logprobs[prompt_logprobs++], entry);
      if (!checked) return checked;
    }
  }
  if (samples != result.samples.size()) return violation(step.step, "it has more samples than were asked for");
  if (prompt_logprobs != result.prompt_logprobs.size()) {
    return violation(step.step, "it has more prompt log-probabilities than were asked for");
  }
  return {};
}

}  // namespace sluice
