// Chooses a replica for each sequence, and remembers it until the sequence's end: a pure state machine, see
// docs/decisions/0017.
//
// Owns:       which replica has which sequence, turns, loads, the prefix map.
// Confined:   to the router actor; not thread-safe.
// Bound:      a home for each sequence that has not ended (the ingress admits max_requests); map_blocks_max.
// Errors:     none of its own; ends of sequences that it does not know, or of another replica, change nothing.
// Invariants: a sequence has one home until its end; it is up and has room when it is chosen, unless nothing is up:
//             then any with room, whose batcher ends the sequence (check_invariants(), router_simulation_test.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/messages/pipeline.h"
#include "pipeline/route/prefix_map.h"
#include "pipeline/route/replica_loads.h"
#include "pipeline/route/route_policy.h"

namespace sluice {

struct RouterConfig {
  RoutePolicy policy = RoutePolicy::kLeastLoaded;
  double alpha = 0.6;  // See ReplicaLoads.
  double beta = 0.4;
  std::uint32_t overload_sequences = 64;  // For each unit of weight: from so many on affinity yields.
  std::uint32_t block_tokens = 16;
  std::uint32_t map_blocks_max = 1;    // KV blocks of all replicas.
  std::vector<std::uint32_t> weights;  // By replica, 1 to kReplicasMax of them.
};

struct ReplicaStats {
  bool is_up = false;
  std::uint32_t weight = 1;
  std::uint32_t sequences = 0;                                  // Sent there, end not heard.
  std::uint64_t latency_us = 0;                                 // For each output token; 0: not known.
  std::array<std::uint64_t, kNumRoutePolicies> chosen_total{};  // By the rule that decided.

  friend bool operator==(const ReplicaStats&, const ReplicaStats&) = default;
};

struct RouterStats {
  std::vector<ReplicaStats> replicas;
  std::uint64_t map_blocks = 0;
  std::uint64_t overruled_total = 0;    // The replica with the prefix was overloaded, full or down.
  std::uint64_t unavailable_total = 0;  // Nothing was up.

  friend bool operator==(const RouterStats&, const RouterStats&) = default;
};

class Router {
 public:
  explicit Router(RouterConfig config);

  // All are down at first. One that goes down has lost its blocks; its sequences stay until their ends are told.
  void set_up(std::uint32_t replica, bool is_up);

  // Whether a sequence can go anywhere while these have room.
  bool can_route(const ReplicaSet& with_room) const { return candidates(with_room).any(); }
  // Where this sequence goes; after can_route(). One that is known already goes where it went.
  std::uint32_t route(const SequenceStart& start, const ReplicaSet& with_room, TimePoint now);
  // Where a sequence is that has not ended.
  std::optional<std::uint32_t> home_of(SequenceId sequence) const;
  void on_ended(std::uint32_t replica, const SequenceEnded& ended, TimePoint now);

  const ReplicaSet& up() const { return up_; }
  RouterStats stats() const;
  void check_invariants() const;

 private:
  struct Home {
    std::uint32_t replica = 0;
    TimePoint sent_at;
  };
  struct Choice {
    std::uint32_t replica = 0;
    RoutePolicy by = RoutePolicy::kRoundRobin;
  };

  ReplicaSet candidates(const ReplicaSet& with_room) const { return up_.any() ? up_ & with_room : all_ & with_room; }
  Choice choose(const SequenceStart& start, const ReplicaSet& candidates, TimePoint now);
  Choice choose_by_prefix(const SequenceStart& start, const ReplicaSet& candidates, TimePoint now);
  std::uint32_t next_turn(const ReplicaSet& candidates);

  const RouterConfig config_;
  ReplicaSet all_;
  ReplicaSet up_;
  ReplicaLoads loads_;
  PrefixMap map_;
  std::vector<std::int64_t> turns_;  // Smooth weighted round robin: the largest is next.
  std::unordered_map<SequenceId, Home> homes_;
  std::vector<std::array<std::uint64_t, kNumRoutePolicies>> chosen_total_;
  std::uint64_t overruled_total_ = 0;
  std::uint64_t unavailable_total_ = 0;
};

}  // namespace sluice
