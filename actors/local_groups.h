// Where the ranks of a process find each other: the one who hands out assignments (supervisor, worker actor) gives all
// ranks of a stage the same group, a new one for each epoch.
//
// Owns:     the latest group of each stage, until its ranks and the next epoch have let go of it.
// Confined: to its actor.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <map>
#include <memory>

#include "base/messages/control.h"
#include "kernels/collective/shared_memory.h"

namespace sluice::actors {

// To a stage actor, before the assignment that it is for.
struct JoinGroup {
  std::shared_ptr<kernels::SharedMemoryGroup> group;
};

class LocalGroups {
 public:
  // Null unless the ranks of the stage meet in memory.
  std::shared_ptr<kernels::SharedMemoryGroup> of(const StageAssign& assign) {
    if (assign.num_ranks <= 1 || !assign.exchange_address.empty()) return nullptr;
    Group& group = groups_[assign.pipeline_stage];
    if (group.members == nullptr || group.epoch != assign.epoch) {
      group = {assign.epoch, kernels::SharedMemoryGroup::create(assign.num_ranks)};
    }
    return group.members;
  }

 private:
  struct Group {
    Epoch epoch;
    std::shared_ptr<kernels::SharedMemoryGroup> members;
  };
  std::map<std::uint32_t, Group> groups_;  // By stage of the pipeline.
};

}  // namespace sluice::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(sluice::actors::JoinGroup)
