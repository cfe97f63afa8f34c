// For how long the engine had nothing to do: nothing in flight, and nothing that could run.
//
// Confined: the batcher. Time: `now` never goes back. begin() and end() may come several times in a row.
#pragma once

#include <optional>
#include <utility>

#include "base/clock.h"

namespace sluice {

class IdleTime {
 public:
  void begin(TimePoint now) {
    if (!since_) since_ = now;
  }
  // There is work again, or the pipeline is down.
  void end(TimePoint now) {
    if (!since_) return;
    total_ += now - *since_;
    untold_ += now - *since_;
    since_.reset();
  }

  // What ended since the last call.
  Duration take() { return std::exchange(untold_, {}); }
  // Altogether, up to now.
  Duration total(TimePoint now) const { return since_ ? total_ + (now - *since_) : total_; }

 private:
  std::optional<TimePoint> since_;
  Duration total_{};
  Duration untold_{};
};

}  // namespace sluice
