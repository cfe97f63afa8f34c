// The deadlines of all live sequences that have one, soonest first.
#pragma once

#include <optional>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/id.h"

namespace sluice {

class Deadlines {
 public:
  // TimePoint::never() is no deadline: nothing is kept.
  void insert(TimePoint deadline, SequenceId id) {
    if (deadline != TimePoint::never()) pending_.emplace(deadline, id);
  }
  void remove(TimePoint deadline, SequenceId id) { pending_.erase({deadline, id}); }

  TimePoint next() const { return pending_.empty() ? TimePoint::never() : pending_.begin()->first; }
  // A sequence whose deadline is at or before `now`, the earliest first.
  std::optional<SequenceId> first_expired(TimePoint now) const {
    if (pending_.empty() || pending_.begin()->first > now) return std::nullopt;
    return pending_.begin()->second;
  }

 private:
  std::set<std::pair<TimePoint, SequenceId>> pending_;
};

}  // namespace sluice
