// How busy replicas are, as a router sees it: what it has sent and has not heard the end of, and how long ends took.
//
// The load of a replica among candidates is alpha * latency + beta * queue, both as shares of the candidates' largest.
// Queue: its sequences, and one more, for each unit of weight. Latency: from the router to the end, for each token of
// output, averaged over ends with a weight of 1/8 for the last.
//
// A latency is unknown while nothing is there and nothing has ended for kRecent: it counts as 0, so that a replica that
// was slow once is tried again. One that has never ended anything and has sequences counts as the slowest known.
//
// Owns:     the counts. Confined: to the router; not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "pipeline/route/route_policy.h"

namespace sluice {

class ReplicaLoads {
 public:
  static constexpr Duration kRecent = std::chrono::seconds(10);

  ReplicaLoads(std::vector<std::uint32_t> weights, double alpha, double beta);

  void add(std::uint32_t replica);
  // A sequence has ended; `per_token` if it had output.
  void remove(std::uint32_t replica, std::optional<Duration> per_token, TimePoint now);

  // The candidate with the smallest load; of equals the one that was sent something the longest ago. There is one.
  std::uint32_t least(const ReplicaSet& candidates, TimePoint now) const;

  std::uint32_t num_replicas() const { return static_cast<std::uint32_t>(replicas_.size()); }
  std::uint32_t weight(std::uint32_t replica) const { return replicas_[replica].weight; }
  std::uint32_t sequences(std::uint32_t replica) const { return replicas_[replica].sequences; }
  // The average, however old; nothing before the first end.
  std::optional<Duration> latency(std::uint32_t replica) const;

 private:
  struct Replica {
    std::uint32_t weight = 1;
    std::uint32_t sequences = 0;
    std::uint64_t last_turn = 0;  // Counts add().
    std::optional<double> latency_ns;
    TimePoint measured_at;
  };

  double latency_of(const Replica& replica, double slowest_ns, TimePoint now) const;
  static double queue_of(const Replica& replica) { return (replica.sequences + 1.0) / replica.weight; }

  std::vector<Replica> replicas_;
  double alpha_;
  double beta_;
  std::uint64_t turns_ = 0;
};

}  // namespace sluice
