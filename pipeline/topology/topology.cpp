#include "pipeline/topology/topology.h"

namespace sluice::topology {

std::vector<ReplicaTopology> Topology::all_replicas() const {
  if (!replicas.empty()) return replicas;
  return std::vector<ReplicaTopology>(copies, ReplicaTopology{.stages = stages});
}

std::string to_string(const Host& host) {
  switch (host.kind) {
    case Host::Kind::kHead: return "head";
    case Host::Kind::kSpawn: return host.name.empty() ? "spawn" : "spawn:" + host.name;
    case Host::Kind::kWorker: return host.name;
    case Host::Kind::kAny: return "any";
  }
  return "?";
}

std::string to_string(const Device& device) {
  return (device.kind == Device::Kind::kCpu ? "cpu:" : "cuda:") + std::to_string(device.index);
}

std::string to_string(const RankPlace& place) {
  return to_string(place.host) + "/" + to_string(place.device);
}

std::string layers_to_string(std::uint32_t first_layer, std::uint32_t num_layers) {
  if (num_layers == 1) return std::to_string(first_layer);
  return std::to_string(first_layer) + "-" + std::to_string(first_layer + num_layers - 1);
}

}  // namespace sluice::topology
