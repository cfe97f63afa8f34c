// Seeded schedules of workers that come, load, fail, hang, leave and die, for two replicas that share a pool of
// standbys. SLUICE_SEED=n replays one.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <set>

#include "base/random.h"
#include "pipeline/membership/membership.h"
#include "pipeline/membership/standby_pool.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<std::string> kStrangers = {"stranger-0", "stranger-1", "stranger-2",
                                             "stranger-3", "stranger-4", "stranger-5"};

// The workers' side: does what the actions ask for, in its own time, and sometimes dies. And what the supervisor does
// between workers, pool and memberships.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    const MembershipLimits limits{.silence_timeout = seconds(10)};
    memberships_.emplace_back(first_places(), limits);
    memberships_.emplace_back(second_places(), limits, 5);
    for (Membership& membership : memberships_) membership.start(now_);
  }

  void run(int steps, bool has_faults) {
    for (int i = 0; i < steps; ++i) {
      now_ = now_ + milliseconds(1 + random_.below(200));
      for (Membership& membership : memberships_) {
        if (membership.next_timer() <= now_) membership.on_timer(now_);
      }
      obey();
      act(has_faults);
      obey();
      check();
    }
  }

  bool is_up() const { return memberships_[0].is_up() && memberships_[1].is_up(); }
  std::size_t standbys() const { return pool_.size(); }

 private:
  struct Assignment {
    std::string worker;
    Epoch epoch;
    bool is_loaded = false;
  };

  static std::vector<StagePlace> first_places() {
    return {{"head", WorkerKind::kHead, 0, 1},
            {"spawn-1", WorkerKind::kSpawned, 1, 1, 1},
            {"worker-a", WorkerKind::kNamed, 2, 1, 2},
            {"worker-a", WorkerKind::kNamed, 3, 1, 3},
            {"", WorkerKind::kAny, 4, 1, 4}};
  }
  static std::vector<StagePlace> second_places() {
    return {{"", WorkerKind::kAny, 0, 2, 5}, {"head", WorkerKind::kHead, 2, 1, 6}, {"", WorkerKind::kAny, 3, 2, 7}};
  }

  Membership& membership_of(std::uint32_t stage) { return memberships_[stage < 5 ? 0 : 1]; }
  Membership* membership_of(const std::string& worker) {
    for (Membership& membership : memberships_) {
      if (membership.has_worker(worker)) return &membership;
    }
    return nullptr;
  }

  void obey() {
    for (bool has_acted = true; has_acted;) {
      has_acted = false;
      for (Membership& membership : memberships_) {
        pool_.offer([&](const WorkerHello& standby) { return membership.take_worker(standby, now_); });
        for (const MembershipAction& action : membership.take_actions()) {
          has_acted = true;
          obey(membership, action);
        }
      }
    }
  }

  void obey(const Membership& membership, const MembershipAction& action) {
    if (const auto* launch = std::get_if<LaunchWorker>(&action)) {
      REQUIRE_FALSE(alive_.contains(launch->worker));
      launching_.insert(launch->worker);
    } else if (const auto* kill = std::get_if<KillWorker>(&action)) {
      launching_.erase(kill->worker);
      forget(kill->worker);
    } else if (const auto* release = std::get_if<ReleaseStage>(&action)) {
      REQUIRE_FALSE(assignments_.contains(release->stage));
      if (alive_.contains(release->worker.name)) pool_.put_back(release->worker);
    } else if (const auto* assign = std::get_if<AssignStage>(&action)) {
      REQUIRE(assign->epoch <= membership.epoch());  // Less if another worker was lost at the same time.
      // Two owners of one stage in one epoch would be the end of order.
      const auto found = assignments_.find(assign->stage);
      if (found != assignments_.end()) REQUIRE(found->second.epoch < assign->epoch);
      assignments_[assign->stage] = {assign->worker, assign->epoch, false};
    } else if (const auto* up = std::get_if<PipelineUp>(&action)) {
      REQUIRE(up->epoch == membership.epoch());
      for (const auto& [stage, assignment] : assignments_) {
        if (&membership_of(stage) != &membership) continue;
        REQUIRE(assignment.is_loaded);
        REQUIRE(assignment.epoch == up->epoch);
      }
    } else if (const auto* down = std::get_if<PipelineDown>(&action)) {
      REQUIRE(down->epoch < membership.epoch());
    }
  }

  // What is told is what is so.
  static void check_status(const Membership& membership) {
    const ReplicaStatus status = membership.status();
    CHECK(status.is_up == membership.is_up());
    CHECK(status.epoch == membership.epoch());
    for (const StageStatus& stage : status.stages) {
      for (const RankStatus& rank : stage.ranks) {
        CHECK((rank.state == RankState::kUp) == membership.is_up());
        CHECK((rank.worker.empty() || membership.has_worker(rank.worker)));
        if (rank.worker.empty()) CHECK(rank.state == RankState::kWaiting);
        if (rank.state != RankState::kLoading) continue;
        CHECK(membership.unavailable()->message.find(rank.worker) != std::string::npos);
      }
    }
  }

  void check() {
    for (const Membership& membership : memberships_) {
      membership.check_invariants();
      CHECK(membership.is_up() == !membership.unavailable().has_value());
      check_status(membership);
    }
    // Whoever is here is in exactly one place: a replica's, or the pool.
    for (const std::string& name : kStrangers) {
      int places = pool_.contains(name) ? 1 : 0;
      for (const Membership& membership : memberships_) places += membership.has_worker(name) ? 1 : 0;
      REQUIRE(places == (alive_.contains(name) ? 1 : 0));
    }
    std::set<std::string> owners;
    for (const std::uint32_t stage : {4u, 5u, 7u}) {
      const std::string& owner = membership_of(stage).owner_of(stage);
      if (owner.empty()) continue;
      REQUIRE(alive_.contains(owner));
      REQUIRE(owners.insert(owner).second);
    }
  }

  void act(bool has_faults) {
    const std::uint64_t dice = random_.below(12);
    if (dice < 3) {
      say_hello();
    } else if (dice < 8) {
      load_one(has_faults);
    } else if (has_faults && dice == 8) {
      die(random_.below(2) == 0 ? "spawn-1" : "worker-a");
    } else if (has_faults && dice == 9) {
      die(kStrangers[random_.below(kStrangers.size())]);
    } else if (has_faults && dice == 10) {
      Membership& membership = memberships_[random_.below(2)];
      const Epoch epoch{membership.epoch().value - random_.below(2)};
      membership.on_pipeline_broken(epoch, "step overdue", now_);
    } else if (has_faults && random_.below(4) == 0) {
      now_ = now_ + seconds(11);  // Everybody hangs.
    }
  }

  void say_hello() {
    std::vector<std::string> names = {"spawn-1", "worker-a"};
    names.insert(random_.below(2) == 0 ? names.begin() : names.end(), kStrangers.begin(), kStrangers.end());
    for (const std::string& name : names) {
      const bool may_start = name != "spawn-1" || launching_.contains(name);
      if (alive_.contains(name) || !may_start || random_.below(4) == 0) continue;
      WorkerHello hello;
      hello.name = name;
      hello.incarnation = random_.next();
      alive_.insert(name);
      launching_.erase(name);
      Membership* const membership = membership_of(name);
      REQUIRE((membership != nullptr ? membership->on_hello(hello, now_) : pool_.admit(hello)).ok());
      return;
    }
  }

  void load_one(bool has_faults) {
    for (auto& [key, assignment] : assignments_) {
      const auto stage = key;  // Outlives its entry.
      const bool fails = has_faults && random_.below(10) == 0;
      if ((assignment.is_loaded && !fails) || random_.below(2) == 0) continue;
      const Assignment what = assignment;
      if (fails) {
        assignments_.erase(stage);
        membership_of(stage).on_failed(what.worker, {what.epoch, stage, {ErrorCode::kModelLoadFailed, "bad luck"}},
                                       now_);
      } else {
        assignment.is_loaded = true;
        StageReady ready;
        ready.epoch = what.epoch;
        ready.stage = stage;
        ready.input_address = "inproc://" + std::to_string(stage);
        membership_of(stage).on_ready(what.worker, ready, now_);
      }
      return;
    }
  }

  void die(const std::string& name) {
    if (!alive_.contains(name) && !launching_.contains(name)) return;
    launching_.erase(name);
    forget(name);
    pool_.remove(name);
    if (Membership* const membership = membership_of(name)) {
      membership->on_worker_lost(name, random_.below(2) == 0 ? "killed" : "it left", now_);
    }
  }

  void forget(const std::string& name) {
    alive_.erase(name);
    std::erase_if(assignments_, [&](const auto& entry) { return entry.second.worker == name; });
  }

  SplitMix64 random_;
  TimePoint now_{};
  std::vector<Membership> memberships_;
  StandbyPool pool_{{"cpu:0"}};
  std::set<std::string> alive_;
  std::set<std::string> launching_;
  std::map<std::uint32_t, Assignment> assignments_;
};

TEST_SUITE("pipeline/membership/simulation") {
  TEST_CASE("1000 seeds: one owner per stage, one place per worker, and up again once the faults cease") {
    std::uint64_t first = 0;
    std::uint64_t last = 999;
    if (const char* seed = std::getenv("SLUICE_SEED")) first = last = std::strtoull(seed, nullptr, 10);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      CAPTURE(seed);
      World world(seed);
      world.run(200, true);
      world.run(400, false);
      REQUIRE(world.is_up());
      REQUIRE(world.standbys() == kStrangers.size() - 3);
    }
  }
}

}  // namespace
}  // namespace sluice
