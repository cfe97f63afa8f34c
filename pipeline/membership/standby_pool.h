// Workers that the topology does not name: those that wait for a place on any worker.
//
// Owns:      the standbys, in the order in which they came.
// Confined:  to the supervisor; not thread-safe.
// Errors:    why a worker is not taken in; the first three of admit()'s are final, the others retryable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/messages/control.h"
#include "pipeline/membership/engine_status.h"

namespace sluice {

struct StandbyLimits {
  std::size_t standbys_max = 64;
};

class StandbyPool {
 public:
  // `devices`: those of the topology's places on any worker, each once.
  explicit StandbyPool(std::vector<std::string> devices, StandbyLimits limits = {})
      : devices_(std::move(devices)), limits_(limits) {}

  // Whether the topology has a place for anybody.
  bool is_wanted() const { return !devices_.empty(); }

  // A worker introduces itself that has no place, under a name that is none of the topology's. Once more with the same
  // incarnation is no error. Errors: another version, a name that is none, no device that a place is on; a name that is
  // taken, or as many standbys as there may be.
  Result<void> admit(const WorkerHello& hello);
  // One that had a place and gave it up: it waits behind all others. Never refused.
  void put_back(const WorkerHello& hello);

  bool contains(const std::string& name) const { return find(name) != standbys_.end(); }
  void remove(const std::string& name) {
    std::erase_if(standbys_, [&](const WorkerHello& standby) { return standby.name == name; });
  }
  // Asks `takes` of each in turn; those for which it is true are standbys no more.
  template <class Takes>
  void offer(const Takes& takes) {
    std::erase_if(standbys_, takes);
  }
  std::size_t size() const { return standbys_.size(); }
  std::vector<StandbyStatus> status() const;

 private:
  std::vector<WorkerHello>::const_iterator find(const std::string& name) const {
    return std::ranges::find(standbys_, name, &WorkerHello::name);
  }

  std::vector<std::string> devices_;
  StandbyLimits limits_;
  std::vector<WorkerHello> standbys_;
};

}  // namespace sluice
