#include "pipeline/topology/device_use.h"

#include <algorithm>

namespace sluice::topology {

std::string host_of(const StagePlan& stage) {
  const Host::Kind kind = stage.place.host.kind;
  return kind == Host::Kind::kHead || kind == Host::Kind::kSpawn ? "head" : process_of(stage);
}

std::vector<DeviceUse> device_uses(const Plan& plan) {
  std::vector<DeviceUse> uses;
  for (const ReplicaPlan& replica : plan.replicas) {
    for (const StagePlan& stage : replica.stages) {
      const std::string host = host_of(stage);
      const std::string device = to_string(stage.place.device);
      auto use = std::ranges::find_if(
          uses, [&](const DeviceUse& known) { return known.host == host && known.device == device; });
      if (use == uses.end()) use = uses.insert(use, {host, device, {}, {}, 0, 0, 0});
      const std::string process = process_of(stage);
      if (std::ranges::find(use->processes, process) == use->processes.end()) use->processes.push_back(process);
      use->ranks.push_back(name_of(stage));
      use->threads += stage.threads;
      use->weights_bytes += stage.weights_bytes;
      use->kv_cache_bytes += stage.kv_cache_bytes;
    }
  }
  return uses;
}

}  // namespace sluice::topology
