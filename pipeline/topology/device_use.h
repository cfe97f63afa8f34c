// What the ranks of a plan take of each device, over all processes of a host.
//
// Units:  bytes; threads. Weights are counted for each rank, although processes that map the same bytes of a file share
//         their pages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/topology/plan.h"

namespace sluice::topology {

struct DeviceUse {
  std::string host;  // See host_of().
  std::string device;
  std::vector<std::string> processes;  // See process_of().
  std::vector<std::string> ranks;      // Names of stages.
  std::uint32_t threads = 0;
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_cache_bytes = 0;

  friend bool operator==(const DeviceUse&, const DeviceUse&) = default;
};

// Everything in the order of stages.
std::vector<DeviceUse> device_uses(const Plan& plan);

// "head" for what the head starts as well; a worker may be on a host of its own, and has what process_of() gives.
std::string host_of(const StagePlan& stage);

}  // namespace sluice::topology
