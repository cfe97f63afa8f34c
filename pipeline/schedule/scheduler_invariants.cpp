// What must hold between any two calls of a Scheduler. Aborts where it does not: for tests and simulations, too slow
// for every step of an engine.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "pipeline/schedule/scheduler.h"

namespace sluice {
namespace {

void check_phase(const Sequence& sequence) {
  switch (sequence.phase) {
    case SequencePhase::kWaiting:
      SLUICE_CHECK_EQ(sequence.blocks.size(), 0u);
      SLUICE_CHECK_EQ(sequence.steps_in_flight, 0u);
      SLUICE_CHECK_EQ(sequence.planned_tokens, 0u);
      break;
    case SequencePhase::kRunning:
      SLUICE_CHECK(sequence.blocks.covers(sequence.planned_tokens));
      SLUICE_CHECK_LE(sequence.planned_tokens, sequence.num_tokens());
      SLUICE_CHECK_LE(sequence.prefill_tokens, sequence.num_tokens());
      break;
    case SequencePhase::kPreempted:
    case SequencePhase::kEnded: SLUICE_CHECK_GT(sequence.steps_in_flight, 0u); break;
  }
  if (sequence.phase != SequencePhase::kEnded) SLUICE_CHECK_LT(sequence.num_tokens(), sequence.limit_tokens);
}

}  // namespace

void Scheduler::check_invariants() const {
  pool_.check_invariants();
  SLUICE_CHECK_EQ(pool_.num_free() + pool_.num_used() + pool_.num_cached(), pool_.num_blocks());
  SLUICE_CHECK_LE(in_flight_.size(), config_.pipeline_depth);
  SLUICE_CHECK_LE(running_.size(), config_.max_sequences);
  SLUICE_CHECK_EQ(totals_.started_total - totals_.ended_total,
                  static_cast<std::uint64_t>(std::count_if(sequences_.begin(), sequences_.end(), [](const auto& item) {
                    return item.second->phase != SequencePhase::kEnded;
                  })));

  std::map<const Sequence*, std::uint32_t> steps;
  for (const PlannedStep& step : in_flight_) {
    SLUICE_CHECK(!step.entries.empty());
    for (const PlannedEntry& entry : step.entries) ++steps[entry.sequence];
  }
  std::map<BlockId, std::uint32_t> users;
  std::uint32_t waiting = 0;
  std::uint32_t running = 0;
  for (const auto& [id, sequence] : sequences_) {
    SLUICE_CHECK_EQ(id, sequence->id);
    check_phase(*sequence);
    SLUICE_CHECK_EQ(sequence->steps_in_flight, steps[sequence.get()]);
    SLUICE_CHECK_LE(sequence->blocks.shared_tokens(), sequence->planned_tokens);
    for (std::uint32_t i = 0; i < sequence->blocks.size(); ++i) {
      const BlockId block = sequence->blocks.all()[i];
      ++users[block];
      SLUICE_CHECK_EQ(pool_.is_shared(block), i < sequence->blocks.num_shared());
    }
    waiting += sequence->phase == SequencePhase::kWaiting ? 1 : 0;
    running += sequence->phase == SequencePhase::kRunning ? 1 : 0;
  }
  SLUICE_CHECK_EQ(users.size(), pool_.num_used());
  for (const auto& [block, count] : users) {
    SLUICE_CHECK_EQ(count, pool_.num_users(block));
    SLUICE_CHECK(count == 1 || pool_.is_shared(block));
  }
  SLUICE_CHECK_EQ(waiting, waiting_.size());
  SLUICE_CHECK_EQ(running, running_.size());
  for (const Sequence* sequence : waiting_) SLUICE_CHECK(sequence->phase == SequencePhase::kWaiting);
  for (const Sequence* sequence : running_) SLUICE_CHECK(sequence->phase == SequencePhase::kRunning);
}

}  // namespace sluice
