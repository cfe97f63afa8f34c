// The sequences that wait to be admitted, in rank order.
//
// Owns:      nothing: the Scheduler owns the sequences.
// Bound:     SchedulerConfig::max_waiting, kept by start(). Preempted ones come on top: each of them was admitted once,
//            so all together are at most the requests that the ingress has let in.
#pragma once

#include <cstdint>
#include <set>

#include "pipeline/schedule/sequence.h"

namespace sluice {

class WaitingQueue {
 public:
  void insert(Sequence& sequence);
  void remove(Sequence& sequence);
  void clear() { sequences_.clear(); }

  // The one that is admitted next: of the highest rank among those not paused. Null if there is none.
  Sequence* head() const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(sequences_.size()); }
  auto begin() const { return sequences_.begin(); }
  auto end() const { return sequences_.end(); }

 private:
  std::set<Sequence*, RankBefore> sequences_;
};

}  // namespace sluice
