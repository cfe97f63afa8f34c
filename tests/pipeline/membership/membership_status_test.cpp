// What Membership and StandbyPool tell those who look on.
#include <doctest/doctest.h>

#include <chrono>

#include "pipeline/membership/membership.h"
#include "pipeline/membership/standby_pool.h"

namespace sluice {
namespace {

using std::chrono::seconds;

WorkerHello hello(const std::string& name) {
  WorkerHello message;
  message.name = name;
  message.incarnation = 1;
  return message;
}

StageReady ready(std::uint32_t stage, Epoch epoch) {
  return {.epoch = epoch, .stage = stage, .input_address = "inproc://s", .weights_bytes = 100, .kv_cache_bytes = 20};
}

// The one rank of the replica's n-th stage.
RankStatus rank_of(const Membership& membership, std::size_t stage) {
  const ReplicaStatus status = membership.status();
  REQUIRE(status.stages.size() > stage);
  REQUIRE(status.stages[stage].ranks.size() == 1);
  return status.stages[stage].ranks[0];
}

RankStatus rank(WorkerKind kind, const std::string& worker, RankState state, TimePoint since) {
  return {.kind = kind, .worker = worker, .device = "cpu:0", .state = state, .since = since};
}

TEST_SUITE("pipeline/membership/membership_status") {
  TEST_CASE("a named worker comes, loads, is ready, is up, dies: each state with its time and what is lacking") {
    ManualClock clock;
    clock.advance(seconds(100));
    Membership membership({{"head", WorkerKind::kHead, 0, 3}, {"worker-a", WorkerKind::kNamed, 3, 3, 1}}, {});
    membership.start(clock.now());
    const TimePoint start = clock.now();
    CHECK(membership.status().epoch == Epoch{1});
    CHECK(membership.status().since == start);
    CHECK(rank_of(membership, 0) == rank(WorkerKind::kHead, "head", RankState::kLoading, start));
    CHECK(rank_of(membership, 1) == rank(WorkerKind::kNamed, "worker-a", RankState::kWaiting, start));
    CHECK(membership.status().stages[1].first_layer == 3);
    CHECK(membership.status().stages[1].stage == 1);

    clock.advance(seconds(1));
    membership.on_ready("head", ready(0, Epoch{1}), clock.now());
    CHECK(rank_of(membership, 0).state == RankState::kReady);
    CHECK(rank_of(membership, 0).since == clock.now());
    CHECK(rank_of(membership, 0).memory == RankMemory{0, 0, 100, 20});
    CHECK(membership.status().lacks == "stage 1 (layers 3-5) waits for worker-a");

    clock.advance(seconds(1));
    const TimePoint here = clock.now();
    REQUIRE(membership.on_hello(hello("worker-a"), here).ok());
    clock.advance(seconds(1));
    membership.on_progress("worker-a", {Epoch{1}, 1, 30, 100}, clock.now());
    CHECK(rank_of(membership, 1).state == RankState::kLoading);
    CHECK(rank_of(membership, 1).since == here);
    CHECK(rank_of(membership, 1).memory == RankMemory{30, 100, 0, 0});
    membership.on_progress("worker-a", {Epoch{1}, 1, UINT64_MAX, 100}, clock.now());
    CHECK(rank_of(membership, 1).memory.loaded_bytes == 100);

    clock.advance(seconds(1));
    const TimePoint up = clock.now();
    membership.on_ready("worker-a", ready(1, Epoch{1}), up);
    CHECK(membership.status().is_up);
    CHECK(membership.status().since == up);
    CHECK(membership.status().lacks == "");
    for (const std::size_t stage : {0u, 1u}) {
      CHECK(rank_of(membership, stage).state == RankState::kUp);
      CHECK(rank_of(membership, stage).since == up);
    }

    clock.advance(seconds(60));
    membership.on_worker_lost("worker-a", "connection lost", clock.now());
    const ReplicaStatus down = membership.status();
    CHECK_FALSE(down.is_up);
    CHECK(down.since == clock.now());
    CHECK(down.epoch == Epoch{2});
    CHECK(down.losses == 1);
    CHECK(down.lacks == "stage 0 (layers 0-2) is loading on head; stage 1 (layers 3-5) waits for worker-a");
    CHECK(rank_of(membership, 0).losses == 0);
    CHECK(rank_of(membership, 0).memory.weights_bytes == 100);  // A survivor keeps its weights.
    RankStatus lost = rank(WorkerKind::kNamed, "worker-a", RankState::kWaiting, clock.now());
    lost.losses = 1;
    CHECK(rank_of(membership, 1) == lost);
  }

  TEST_CASE("nothing happens: the status is equal, only when something does it is not") {
    Membership membership({{"worker-a", WorkerKind::kNamed, 0, 6}}, {});
    membership.start({});
    const ReplicaStatus before = membership.status();
    membership.on_timer(TimePoint{seconds(5)});
    membership.on_worker_lost("stranger", "it left", TimePoint{seconds(5)});
    CHECK(membership.status() == before);
    REQUIRE(membership.on_hello(hello("worker-a"), TimePoint{seconds(5)}).ok());
    CHECK(membership.status() != before);
  }

  TEST_CASE("a rank that is assigned for the next epoch while it loads goes on loading") {
    Membership membership({{"head", WorkerKind::kHead, 0, 3}, {"worker-a", WorkerKind::kNamed, 3, 3, 1}}, {});
    membership.start({});
    REQUIRE(membership.on_hello(hello("worker-a"), TimePoint{seconds(1)}).ok());
    membership.on_worker_lost("worker-a", "connection lost", TimePoint{seconds(2)});
    CHECK(membership.status().epoch == Epoch{2});
    CHECK(membership.status().since == TimePoint{});  // It was never up.
    CHECK(rank_of(membership, 0) == rank(WorkerKind::kHead, "head", RankState::kLoading, {}));
  }

  TEST_CASE("a spawned worker is launched, waits to be launched again when it died, and is launched again") {
    Membership membership({{"stage-0", WorkerKind::kSpawned, 0, 6}}, {});
    membership.start({});
    CHECK(rank_of(membership, 0).state == RankState::kLaunching);
    membership.on_worker_lost("stage-0", "it exited", TimePoint{seconds(1)});
    CHECK(rank_of(membership, 0).state == RankState::kWaiting);
    CHECK(membership.status().losses == 0);  // Nothing had been assigned.
    membership.on_timer(membership.next_timer());
    CHECK(rank_of(membership, 0).state == RankState::kLaunching);
    CHECK(rank_of(membership, 0).losses == 1);
  }

  TEST_CASE("a failed load shows until the next one is ready, with its error") {
    Membership membership({{"worker-a", WorkerKind::kNamed, 0, 6}}, {});
    membership.start({});
    REQUIRE(membership.on_hello(hello("worker-a"), {}).ok());
    const std::string sentence(1 << 20, 'x');
    membership.on_failed("worker-a", {Epoch{1}, 0, {ErrorCode::kModelLoadFailed, sentence}}, {});
    CHECK(rank_of(membership, 0).state == RankState::kFailed);
    CHECK(rank_of(membership, 0).failures == 1);
    CHECK(rank_of(membership, 0).error == sentence.substr(0, kStatusTextBytesMax));
    CHECK(membership.status().lacks.size() == kStatusTextBytesMax);
    membership.on_timer(membership.next_timer());
    CHECK(rank_of(membership, 0).state == RankState::kLoading);
    CHECK(rank_of(membership, 0).error.size() == kStatusTextBytesMax);
    membership.on_ready("worker-a", ready(0, Epoch{1}), {});
    CHECK(rank_of(membership, 0).state == RankState::kUp);
    CHECK(rank_of(membership, 0).error == "");
    CHECK(rank_of(membership, 0).failures == 1);
  }

  TEST_CASE("a place for any worker is nobody's until somebody has it, and again when that one failed") {
    Membership membership({{"", WorkerKind::kAny, 0, 6}}, {});
    membership.start({});
    CHECK(rank_of(membership, 0) == rank(WorkerKind::kAny, "", RankState::kWaiting, {}));
    REQUIRE(membership.take_worker(hello("one"), {}));
    CHECK(rank_of(membership, 0) == rank(WorkerKind::kAny, "one", RankState::kLoading, {}));
    membership.on_progress("one", {Epoch{1}, 0, 30, 100}, {});
    membership.on_failed("one", {Epoch{1}, 0, {ErrorCode::kModelLoadFailed, "another model"}}, {});
    RankStatus failed = rank(WorkerKind::kAny, "", RankState::kWaiting, {});
    failed.failures = 1;
    failed.error = "another model (on one)";
    CHECK(rank_of(membership, 0) == failed);
  }

  TEST_CASE("the ranks of a stage stand together, stages keep their numbers of the whole engine") {
    Membership membership({{"head", WorkerKind::kHead, 0, 3, 4},
                           {"worker-a", WorkerKind::kNamed, 3, 3, 5, {0, 2}},
                           {"worker-b", WorkerKind::kNamed, 3, 3, 5, {1, 2}, "cpu:1"}},
                          {}, 9);
    membership.start({});
    const ReplicaStatus status = membership.status();
    REQUIRE(status.stages.size() == 2);
    CHECK(status.stages[0].stage == 4);
    CHECK(status.stages[1].stage == 5);
    REQUIRE(status.stages[1].ranks.size() == 2);
    CHECK(status.stages[1].ranks[1].rank == 1);
    CHECK(status.stages[1].ranks[1].worker == "worker-b");
    CHECK(status.stages[1].ranks[1].device == "cpu:1");
  }

  TEST_CASE("standbys: names and devices in their order, within bounds") {
    StandbyPool pool({"cpu:0"});
    REQUIRE(pool.admit(hello("one")).ok());
    WorkerHello wordy = hello("two");
    wordy.devices.insert(wordy.devices.end(), 100, std::string(1000, 'x'));
    REQUIRE(pool.admit(wordy).ok());
    const auto status = pool.status();
    REQUIRE(status.size() == 2);
    CHECK(status[0] == StandbyStatus{"one", {"cpu:0"}});
    CHECK(status[1].devices.size() == kStatusDevicesMax);
    CHECK(status[1].devices[1].size() == 64);
    pool.remove("one");
    CHECK(pool.status().front().name == "two");
  }
}

}  // namespace
}  // namespace sluice
