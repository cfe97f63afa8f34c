// What the scheduler counts for metrics beside SchedulerStats: steps by size, waits, tokens. A plain value.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/histogram.h"
#include "pipeline/schedule/steps_in_flight.h"

namespace sluice {

struct ScheduleCounts {
  std::uint64_t prompt_tokens_total = 0;  // Computed in chunks; after a preemption prompt and output again.
  std::uint64_t output_tokens_total = 0;  // Sampled and sent on.
  std::uint64_t lookup_tokens_total = 0;  // Of admitted sequences that looked for cached blocks.
  CountHistogram step_tokens;
  CountHistogram step_sequences;
  TimeHistogram queue_wait_us;  // From start() to the first step.

  // A step was planned at `now`.
  void add_step(const PlannedStep& step, TimePoint now) {
    std::uint64_t tokens = 0;
    for (const PlannedEntry& entry : step.entries) {
      tokens += entry.num_tokens;
      if (entry.is_prefill) prompt_tokens_total += entry.num_tokens;
      if (entry.is_first) queue_wait_us.add(whole_us(now - entry.sequence->started_at));
    }
    step_tokens.add(tokens);
    step_sequences.add(step.entries.size());
  }

  friend bool operator==(const ScheduleCounts&, const ScheduleCounts&) = default;
};

}  // namespace sluice
