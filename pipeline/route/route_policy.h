// How a router chooses among replicas; see docs/decisions/0017 and pipeline/route/router.h.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

namespace sluice {

inline constexpr std::uint32_t kReplicasMax = 64;
using ReplicaSet = std::bitset<kReplicasMax>;

enum class RoutePolicy : std::uint8_t { kRoundRobin, kLeastLoaded, kPrefixAffinity };
inline constexpr std::size_t kNumRoutePolicies = 3;

constexpr std::string_view to_string(RoutePolicy policy) {
  switch (policy) {
    case RoutePolicy::kRoundRobin: return "round_robin";
    case RoutePolicy::kLeastLoaded: return "least_loaded";
    case RoutePolicy::kPrefixAffinity: return "prefix_affinity";
  }
  return "unknown";
}

}  // namespace sluice
