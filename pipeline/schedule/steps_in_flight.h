// The micro-batches that were sent and not answered yet, oldest first, and what each answer must look like.
//
// Owns:      the record of each step. An entry's sequence lives at least as long (Sequence::steps_in_flight).
// Bound:     SchedulerConfig::pipeline_depth steps.
// Errors:    check() -> kProtocolViolation for anything that the step did not ask for: results come from another
//            process, and are input.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/messages/pipeline.h"
#include "pipeline/schedule/scheduler_config.h"
#include "pipeline/schedule/sequence.h"

namespace sluice {

struct PlannedEntry {
  Sequence* sequence = nullptr;
  std::uint32_t first_position = 0;
  std::uint32_t num_tokens = 0;
  bool is_prefill = false;
  bool wants_sample = false;
  std::uint32_t prompt_logprobs = 0;  // Number of values it was asked for.
  bool is_first = false;              // Its sequence was in no step before.
};

struct PlannedStep {
  StepId step;
  std::vector<PlannedEntry> entries;
};

class StepsInFlight {
 public:
  void push(PlannedStep step) { steps_.push_back(std::move(step)); }
  // The oldest step, which check() has matched with its result.
  PlannedStep pop();
  void clear() { steps_.clear(); }

  // Whether `result` is the answer to the oldest step, complete and in order.
  Result<void> check(const StepResult& result, const SchedulerConfig& config) const;

  // Tokens of prompt chunks.
  std::uint32_t prefill_tokens() const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(steps_.size()); }
  auto begin() const { return steps_.begin(); }
  auto end() const { return steps_.end(); }

 private:
  std::deque<PlannedStep> steps_;
};

}  // namespace sluice
