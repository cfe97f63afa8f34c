// Seeded schedules of workers that come, load, fail, hang and die. SLUICE_SEED=n replays one.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <set>

#include "base/random.h"
#include "pipeline/membership/membership.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

// The workers' side: does what the actions ask for, in its own time, and sometimes dies.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), membership_(places(), {}) { membership_.start(now_); }

  void run(int steps, bool has_faults) {
    for (int i = 0; i < steps; ++i) {
      now_ = now_ + milliseconds(1 + random_.below(200));
      if (membership_.next_timer() <= now_) membership_.on_timer(now_);
      obey();
      act(has_faults);
      obey();
      membership_.check_invariants();
      CHECK(membership_.is_up() == !membership_.unavailable().has_value());
    }
  }

  bool is_up() const { return membership_.is_up(); }

 private:
  struct Assignment {
    std::string worker;
    Epoch epoch;
    bool is_loaded = false;
  };

  static std::vector<StagePlace> places() {
    return {{"head", WorkerKind::kHead, 0, 1},
            {"spawn-1", WorkerKind::kSpawned, 1, 1, 1},
            {"worker-a", WorkerKind::kNamed, 2, 1, 2},
            {"worker-a", WorkerKind::kNamed, 3, 1, 3}};
  }

  void obey() {
    for (const MembershipAction& action : membership_.take_actions()) {
      if (const auto* launch = std::get_if<LaunchWorker>(&action)) {
        REQUIRE_FALSE(alive_.contains(launch->worker));
        launching_.insert(launch->worker);
      } else if (const auto* kill = std::get_if<KillWorker>(&action)) {
        launching_.erase(kill->worker);
        forget(kill->worker);
      } else if (const auto* assign = std::get_if<AssignStage>(&action)) {
        REQUIRE(assign->epoch == membership_.epoch());
        // Two owners of one stage in one epoch would be the end of order.
        const auto found = assignments_.find(assign->stage);
        if (found != assignments_.end()) REQUIRE(found->second.epoch < assign->epoch);
        assignments_[assign->stage] = {assign->worker, assign->epoch, false};
      } else if (const auto* up = std::get_if<PipelineUp>(&action)) {
        REQUIRE(up->epoch == membership_.epoch());
        for (const auto& [stage, assignment] : assignments_) {
          REQUIRE(assignment.is_loaded);
          REQUIRE(assignment.epoch == up->epoch);
        }
      } else if (const auto* down = std::get_if<PipelineDown>(&action)) {
        REQUIRE(down->epoch < membership_.epoch());
      } else if (const auto* failed = std::get_if<LoadFailed>(&action)) {
        assignments_.erase(failed->stage);
      }
    }
  }

  void act(bool has_faults) {
    const std::uint64_t dice = random_.below(10);
    if (dice < 3) {
      say_hello();
    } else if (dice < 7) {
      load_one(has_faults);
    } else if (has_faults && dice == 7) {
      die(random_.below(2) == 0 ? "spawn-1" : "worker-a");
    } else if (has_faults && dice == 8) {
      const Epoch epoch{membership_.epoch().value - random_.below(2)};
      membership_.on_pipeline_broken(epoch, "step overdue", now_);
    }
  }

  void say_hello() {
    for (const std::string name : {"spawn-1", "worker-a"}) {
      const bool may_start = name == "worker-a" || launching_.contains(name);
      if (alive_.contains(name) || !may_start) continue;
      WorkerHello hello;
      hello.name = name;
      hello.incarnation = random_.next();
      alive_.insert(name);
      launching_.erase(name);
      REQUIRE(membership_.on_hello(hello, now_).ok());
      return;
    }
  }

  void load_one(bool has_faults) {
    for (auto& [stage, assignment] : assignments_) {
      if (assignment.is_loaded || random_.below(2) == 0) continue;
      if (has_faults && random_.below(10) == 0) {
        membership_.on_failed(assignment.worker, {assignment.epoch, stage, {ErrorCode::kModelLoadFailed, "bad luck"}},
                              now_);
      } else {
        assignment.is_loaded = true;
        StageReady ready;
        ready.epoch = assignment.epoch;
        ready.stage = stage;
        ready.input_address = "inproc://" + std::to_string(stage);
        membership_.on_ready(assignment.worker, ready, now_);
      }
      return;
    }
  }

  void die(const std::string& name) {
    if (!alive_.contains(name) && !launching_.contains(name)) return;
    launching_.erase(name);
    forget(name);
    membership_.on_worker_lost(name, "killed", now_);
  }

  void forget(const std::string& name) {
    alive_.erase(name);
    std::erase_if(assignments_, [&](const auto& entry) { return entry.second.worker == name; });
  }

  SplitMix64 random_;
  TimePoint now_{};
  Membership membership_;
  std::set<std::string> alive_;
  std::set<std::string> launching_;
  std::map<std::uint32_t, Assignment> assignments_;
};

TEST_SUITE("pipeline/membership/simulation") {
  TEST_CASE("1000 seeds: one owner per stage, and up again once the faults cease") {
    std::uint64_t first = 0;
    std::uint64_t last = 999;
    if (const char* seed = std::getenv("SLUICE_SEED")) first = last = std::strtoull(seed, nullptr, 10);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      CAPTURE(seed);
      World world(seed);
      world.run(200, true);
      world.run(400, false);
      REQUIRE(world.is_up());
    }
  }
}

}  // namespace
}  // namespace sluice
