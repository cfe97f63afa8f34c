#include "pipeline/route/replica_loads.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice {

namespace {

constexpr double kLastWeight = 1.0 / 8;

double share(double value, double largest) {
  return largest > 0 ? value / largest : 0;
}

}  // namespace

ReplicaLoads::ReplicaLoads(std::vector<std::uint32_t> weights, double alpha, double beta) : alpha_(alpha), beta_(beta) {
  SLUICE_CHECK(!weights.empty());
  SLUICE_CHECK_LE(weights.size(), kReplicasMax);
  for (const std::uint32_t weight : weights) {
    SLUICE_CHECK_GT(weight, 0u);
    replicas_.push_back({.weight = weight});
  }
}

void ReplicaLoads::add(std::uint32_t replica) {
  ++replicas_[replica].sequences;
  replicas_[replica].last_turn = ++turns_;
}

void ReplicaLoads::remove(std::uint32_t replica, std::optional<Duration> per_token, TimePoint now) {
  Replica& from = replicas_[replica];
  SLUICE_CHECK_GT(from.sequences, 0u);
  --from.sequences;
  if (!per_token) return;
  const auto ns = static_cast<double>(per_token->count());
  const double before = from.latency_ns.value_or(ns);
  from.latency_ns = before + (ns - before) * kLastWeight;
  from.measured_at = now;
}

std::uint32_t ReplicaLoads::least(const ReplicaSet& candidates, TimePoint now) const {
  double slowest_ns = 0;
  double longest = 0;
  for (std::uint32_t i = 0; i < replicas_.size(); ++i) {
    if (!candidates[i]) continue;
    slowest_ns = std::max(slowest_ns, replicas_[i].latency_ns.value_or(0));
    longest = std::max(longest, queue_of(replicas_[i]));
  }
  std::optional<std::uint32_t> best;
  std::pair<double, std::uint64_t> best_load;
  for (std::uint32_t i = 0; i < replicas_.size(); ++i) {
    if (!candidates[i]) continue;
    const Replica& replica = replicas_[i];
    const double load =
        alpha_ * share(latency_of(replica, slowest_ns, now), slowest_ns) + beta_ * share(queue_of(replica), longest);
    if (best && std::pair(load, replica.last_turn) >= best_load) continue;
    best = i;
    best_load = {load, replica.last_turn};
  }
  SLUICE_CHECK(best.has_value());
  return *best;
}

std::optional<Duration> ReplicaLoads::latency(std::uint32_t replica) const {
  if (!replicas_[replica].latency_ns) return std::nullopt;
  return Duration(static_cast<Duration::rep>(*replicas_[replica].latency_ns));
}

double ReplicaLoads::latency_of(const Replica& replica, double slowest_ns, TimePoint now) const {
  if (replica.sequences > 0) return replica.latency_ns.value_or(slowest_ns);
  const bool is_recent = replica.latency_ns && now - replica.measured_at <= kRecent;
  return is_recent ? *replica.latency_ns : 0;
}

}  // namespace sluice
