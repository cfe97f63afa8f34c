// How a stage spends its time: busy on micro-batches, or waiting for the next although the engine has work (bubble).
//
// A gap is the time from the end of one step to the arrival of the next one's batch. The batch says for how long of it
// the whole engine had nothing to do (StageBatch::idle_us, measured by the batcher alone); the rest is bubble. So no
// clocks of two hosts are compared. The gap before the first batch of an epoch counts as neither.
//
// Confined: the stage's actor. Time: `now` never goes back. Units: microseconds in StageTimes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/messages/stats.h"

namespace sluice {

class StageMeter {
 public:
  void begin_epoch() { ended_at_.reset(); }

  // A batch was taken from the input.
  void begin_step(TimePoint now, std::uint64_t idle_us) {
    began_at_ = now;
    if (!ended_at_) return;
    const std::uint64_t gap_us = whole_us(now - *ended_at_);
    times_.bubble_us_total += gap_us - std::min(gap_us, idle_us);
  }

  // Its result was sent.
  void end_step(TimePoint now, std::uint32_t tokens) {
    const std::uint64_t step_us = whole_us(now - began_at_);
    ++times_.steps_total;
    times_.tokens_total += tokens;
    times_.busy_us_total += step_us;
    times_.step_us.add(step_us);
    ended_at_ = now;
  }

  const StageTimes& times() const { return times_; }

 private:
  TimePoint began_at_;
  std::optional<TimePoint> ended_at_;  // Of the last step of this epoch.
  StageTimes times_;
};

}  // namespace sluice
