// Seeded schedules of a router before replicas of different speed that are lost, full and come back: each sequence goes
// to one replica, which is up and has room, and its cancel goes there too; nothing waits while one is free.
#include <doctest/doctest.h>

#include <cstdlib>
#include <deque>
#include <map>
#include <string>

#include "base/random.h"
#include "pipeline/route/router.h"

namespace sluice {
namespace {

constexpr std::uint64_t kSeeds = 400;
constexpr int kSteps = 2000;

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seed) {
    RouterConfig config;
    config.policy = static_cast<RoutePolicy>(seed % kNumRoutePolicies);
    config.overload_sequences = 1 + below(8);
    config.block_tokens = 4;
    config.map_blocks_max = 1 + below(200);
    const std::uint32_t count = 1 + below(6);
    for (std::uint32_t i = 0; i < count; ++i) {
      config.weights.push_back(1 + below(4));
      replicas_.push_back({.ends_percent = 5 + below(95)});
    }
    router_.emplace(config);
  }

  void run() {
    for (int step = 0; step < kSteps; ++step) {
      now_ = now_ + std::chrono::microseconds(below(100'000));
      disturb();
      for (std::uint32_t i = below(4); i > 0; --i) arrive();
      cancel();
      end_some();
      router_->check_invariants();
      REQUIRE(router_->up() == up());
    }
    // All ends are told: nothing is left.
    for (std::uint32_t i = 0; i < replicas_.size(); ++i) {
      while (!replicas_[i].sequences.empty()) end_oldest(i);
    }
    router_->check_invariants();
    for (const ReplicaStats& replica : router_->stats().replicas) CHECK(replica.sequences == 0);
    CHECK(num_routed_ > 0);
  }

 private:
  struct Replica {
    std::uint32_t ends_percent = 100;  // Its speed.
    bool is_up = false;
    bool has_room = true;
    std::deque<SequenceId> sequences;
  };

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_.below(bound)); }

  ReplicaSet up() const {
    ReplicaSet set;
    for (std::size_t i = 0; i < replicas_.size(); ++i) set.set(i, replicas_[i].is_up);
    return set;
  }
  ReplicaSet room() const {
    ReplicaSet set;
    for (std::size_t i = 0; i < replicas_.size(); ++i) set.set(i, replicas_[i].has_room);
    return set;
  }

  void disturb() {
    const std::uint32_t index = below(static_cast<std::uint32_t>(replicas_.size()));
    Replica& replica = replicas_[index];
    if (below(10) == 0) replica.has_room = !replica.has_room;
    if (below(20) != 0) return;
    replica.is_up = !replica.is_up;
    router_->set_up(index, replica.is_up);
    if (replica.is_up) return;
    while (!replica.sequences.empty()) end_oldest(index);  // Its batcher fails them all.
  }

  void arrive() {
    const ReplicaSet usable = up().any() ? up() & room() : room();
    REQUIRE(router_->can_route(room()) == usable.any());
    if (usable.none()) return;
    SequenceStart start;
    start.sequence = {++last_id_};
    start.spec.tenant = std::to_string(below(3));
    for (std::uint32_t i = 1 + below(40); i > 0; --i) {
      start.prompt_ids.push_back(static_cast<TokenId>(start.prompt_ids.size() + 7 * below(2)));
    }
    const std::uint32_t home = router_->route(start, room(), now_);
    REQUIRE(home < replicas_.size());
    REQUIRE(usable[home]);
    REQUIRE(homes_.emplace(start.sequence, home).second);
    replicas_[home].sequences.push_back(start.sequence);
    ++num_routed_;
  }

  void cancel() {
    const SequenceId id{1 + random_.below(last_id_ + 2)};
    const auto home = router_->home_of(id);
    const auto known = homes_.find(id);
    REQUIRE(home.has_value() == (known != homes_.end()));
    if (home) REQUIRE(*home == known->second);
  }

  void end_some() {
    for (std::uint32_t i = 0; i < replicas_.size(); ++i) {
      while (!replicas_[i].sequences.empty() && below(100) < replicas_[i].ends_percent) end_oldest(i);
    }
  }

  void end_oldest(std::uint32_t index) {
    const SequenceId id = replicas_[index].sequences.front();
    replicas_[index].sequences.pop_front();
    homes_.erase(id);
    router_->on_ended(index, {id, below(50)}, now_);
    if (below(10) == 0) router_->on_ended(index, {id, below(50)}, now_);  // Told twice.
    if (below(10) == 0) router_->on_ended(below(kReplicasMax), {{last_id_ + 1}, 1}, now_);
  }

  SplitMix64 random_;
  TimePoint now_{std::chrono::seconds(1)};
  std::vector<Replica> replicas_;
  std::map<SequenceId, std::uint32_t> homes_;
  std::optional<Router> router_;
  std::uint64_t last_id_ = 0;
  std::uint64_t num_routed_ = 0;
};

TEST_SUITE("pipeline/route/router_simulation") {
  TEST_CASE("seeds: every sequence goes to one replica that is up, and its cancel follows") {
    const char* only = std::getenv("SLUICE_SEED");
    const std::uint64_t first = only != nullptr ? std::stoull(only) : 0;
    const std::uint64_t last = only != nullptr ? first + 1 : kSeeds;
    for (std::uint64_t seed = first; seed < last; ++seed) {
      CAPTURE(seed);
      Simulation(seed).run();
    }
  }
}

}  // namespace
}  // namespace sluice
