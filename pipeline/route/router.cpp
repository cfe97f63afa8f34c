#include "pipeline/route/router.h"

#include "base/check.h"
#include "base/histogram.h"

namespace sluice {

Router::Router(RouterConfig config)
    : config_(std::move(config)),
      loads_(config_.weights, config_.alpha, config_.beta),
      map_(config_.block_tokens, config_.map_blocks_max),
      turns_(config_.weights.size()),
      chosen_total_(config_.weights.size()) {
  for (std::size_t i = 0; i < config_.weights.size(); ++i) all_.set(i);
}

void Router::set_up(std::uint32_t replica, bool is_up) {
  up_.set(replica, is_up);
  if (!is_up) map_.forget(replica);
}

std::uint32_t Router::route(const SequenceStart& start, const ReplicaSet& with_room, TimePoint now) {
  if (const auto home = home_of(start.sequence)) return *home;
  const ReplicaSet among = candidates(with_room);
  SLUICE_CHECK(among.any());
  Choice choice;
  if (up_.any()) {
    choice = choose(start, among, now);
    ++chosen_total_[choice.replica][static_cast<std::size_t>(choice.by)];
  } else {
    ++unavailable_total_;
    while (!among[choice.replica]) ++choice.replica;
  }
  homes_.emplace(start.sequence, Home{choice.replica, now});
  loads_.add(choice.replica);
  return choice.replica;
}

std::optional<std::uint32_t> Router::home_of(SequenceId sequence) const {
  const auto home = homes_.find(sequence);
  if (home == homes_.end()) return std::nullopt;
  return home->second.replica;
}

void Router::on_ended(std::uint32_t replica, const SequenceEnded& ended, TimePoint now) {
  const auto home = homes_.find(ended.sequence);
  if (home == homes_.end() || home->second.replica != replica) return;
  std::optional<Duration> per_token;
  if (ended.output_tokens > 0) per_token = (now - home->second.sent_at) / ended.output_tokens;
  homes_.erase(home);
  loads_.remove(replica, per_token, now);
}

Router::Choice Router::choose(const SequenceStart& start, const ReplicaSet& candidates, TimePoint now) {
  switch (config_.policy) {
    case RoutePolicy::kRoundRobin: return {next_turn(candidates), RoutePolicy::kRoundRobin};
    case RoutePolicy::kLeastLoaded: return {loads_.least(candidates, now), RoutePolicy::kLeastLoaded};
    case RoutePolicy::kPrefixAffinity: return choose_by_prefix(start, candidates, now);
  }
  return {};
}

Router::Choice Router::choose_by_prefix(const SequenceStart& start, const ReplicaSet& candidates, TimePoint now) {
  const std::vector<std::uint64_t> chain = map_.chain(start.spec.tenant, start.prompt_ids);
  const PrefixMap::Match match = map_.find(chain);
  ReplicaSet fit = match.replicas & candidates;
  for (std::uint32_t i = 0; i < loads_.num_replicas(); ++i) {
    const std::uint64_t limit = std::uint64_t{config_.overload_sequences} * loads_.weight(i);
    if (loads_.sequences(i) >= limit) fit.reset(i);
  }
  if (match.blocks > 0 && fit.none()) ++overruled_total_;
  const Choice choice = fit.any() ? Choice{loads_.least(fit, now), RoutePolicy::kPrefixAffinity}
                                  : Choice{loads_.least(candidates, now), RoutePolicy::kLeastLoaded};
  map_.add(chain, choice.replica);
  return choice;
}

std::uint32_t Router::next_turn(const ReplicaSet& candidates) {
  std::int64_t total = 0;
  std::optional<std::uint32_t> next;
  for (std::uint32_t i = 0; i < turns_.size(); ++i) {
    if (!candidates[i]) continue;
    total += loads_.weight(i);
    turns_[i] += loads_.weight(i);
    if (!next || turns_[i] > turns_[*next]) next = i;
  }
  turns_[*next] -= total;
  return *next;
}

RouterStats Router::stats() const {
  RouterStats stats;
  for (std::uint32_t i = 0; i < loads_.num_replicas(); ++i) {
    const std::uint64_t latency_us = whole_us(loads_.latency(i).value_or(Duration::zero()));
    stats.replicas.push_back({up_[i], loads_.weight(i), loads_.sequences(i), latency_us, chosen_total_[i]});
  }
  stats.map_blocks = map_.size();
  stats.overruled_total = overruled_total_;
  stats.unavailable_total = unavailable_total_;
  return stats;
}

void Router::check_invariants() const {
  map_.check_invariants();
  std::vector<std::uint32_t> sequences(loads_.num_replicas());
  for (const auto& [sequence, home] : homes_) ++sequences[home.replica];
  for (std::uint32_t i = 0; i < sequences.size(); ++i) SLUICE_CHECK_EQ(sequences[i], loads_.sequences(i));
  SLUICE_CHECK((up_ & ~all_).none());
}

}  // namespace sluice
