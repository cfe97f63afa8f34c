// Fills one micro-batch: entries within the token budget, and beside it the record of what its answer must be.
// An added sequence counts as in flight at once, so that a preemption later in the same plan() keeps its blocks.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/id.h"
#include "base/messages/pipeline.h"
#include "pipeline/schedule/sequence.h"
#include "pipeline/schedule/steps_in_flight.h"

namespace sluice {

class BatchBuilder {
 public:
  BatchBuilder(Epoch epoch, StepId step, const SchedulerConfig& config);

  // Tokens that still fit.
  std::uint32_t budget() const { return max_batch_tokens_ - static_cast<std::uint32_t>(batch_.token_ids.size()); }
  bool is_empty() const { return batch_.entries.empty(); }
  std::uint32_t num_tokens() const { return static_cast<std::uint32_t>(batch_.token_ids.size()); }

  // Whether what the sequence has to tell of its beginning fits as well.
  bool has_room_for_history(const Sequence& sequence) const;

  // The next `count` tokens of the sequence, 1 to budget(); its block table must cover them.
  void add(Sequence& sequence, std::uint32_t count, TimePoint now);

  StageBatch take_batch(std::vector<SequenceId> closed);
  PlannedStep take_step();

 private:
  const std::uint32_t max_batch_tokens_;
  const std::uint32_t max_history_tokens_;
  std::uint64_t history_tokens_ = 0;
  StageBatch batch_;
  PlannedStep step_;
};

}  // namespace sluice
