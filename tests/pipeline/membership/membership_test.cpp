#include "pipeline/membership/membership.h"

#include <doctest/doctest.h>

#include <chrono>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

template <class Action>
std::vector<Action> only(const std::vector<MembershipAction>& actions) {
  std::vector<Action> found;
  for (const MembershipAction& action : actions) {
    if (const auto* match = std::get_if<Action>(&action)) found.push_back(*match);
  }
  return found;
}

WorkerHello hello(std::string name, std::uint64_t incarnation) {
  WorkerHello message;
  message.name = std::move(name);
  message.incarnation = incarnation;
  return message;
}

StageReady ready(std::uint32_t stage, Epoch epoch) {
  StageReady message;
  message.stage = stage;
  message.epoch = epoch;
  message.input_address = "inproc://stage-" + std::to_string(stage);
  return message;
}

Membership head_and_worker(WorkerKind kind) {
  return Membership({{"head", WorkerKind::kHead, 0, 3}, {"worker-a", kind, 3, 3, 1}}, {});
}

// Brings both stages up and drops the actions on the way.
void bring_up(Membership& membership, TimePoint now) {
  membership.start(now);
  REQUIRE(membership.on_hello(hello("worker-a", 1), now).ok());
  membership.on_ready("head", ready(0, membership.epoch()), now);
  membership.on_ready("worker-a", ready(1, membership.epoch()), now);
  REQUIRE(membership.is_up());
  membership.take_actions();
}

TEST_SUITE("pipeline/membership") {
  TEST_CASE("start: assigns the head's stage at once, says what it waits for, and comes up when the worker is ready") {
    Membership membership = head_and_worker(WorkerKind::kNamed);
    membership.start({});

    CHECK(only<AssignStage>(membership.take_actions()).size() == 1);
    membership.on_ready("head", ready(0, Epoch{1}), {});
    CHECK(membership.unavailable()->message == "stage 1 (layers 3-5) waits for worker-a");

    REQUIRE(membership.on_hello(hello("worker-a", 7), {}).ok());
    CHECK(membership.unavailable()->message == "stage 1 (layers 3-5) is loading on worker-a");
    CHECK(only<PipelineUp>(membership.take_actions()).empty());
    membership.on_ready("worker-a", ready(1, Epoch{1}), {});

    const auto actions = membership.take_actions();
    REQUIRE(only<ConnectStage>(actions).size() == 2);
    CHECK(only<ConnectStage>(actions)[0].output_addresses == std::vector<std::string>{"inproc://stage-1"});
    CHECK_FALSE(only<ConnectStage>(actions)[0].feeds_batcher);
    CHECK(only<ConnectStage>(actions)[1].feeds_batcher);
    REQUIRE(only<PipelineUp>(actions).size() == 1);
    CHECK(only<PipelineUp>(actions)[0].input_addresses == std::vector<std::string>{"inproc://stage-0"});
    CHECK_FALSE(membership.unavailable().has_value());
    membership.check_invariants();
  }

  TEST_CASE("worker lost: the epoch is bumped, survivors are assigned anew, and the worker may come back") {
    Membership membership = head_and_worker(WorkerKind::kNamed);
    bring_up(membership, {});

    membership.on_worker_lost("worker-a", "connection lost", {});

    const auto actions = membership.take_actions();
    REQUIRE(only<PipelineDown>(actions).size() == 1);
    CHECK(only<PipelineDown>(actions)[0].epoch == Epoch{1});
    CHECK(only<PipelineDown>(actions)[0].error.code == ErrorCode::kStageLost);
    CHECK(only<PipelineDown>(actions)[0].error.message == "stage 1 (layers 3-5) on worker-a was lost: connection lost");
    REQUIRE(only<AssignStage>(actions).size() == 1);
    CHECK(only<AssignStage>(actions)[0].worker == "head");
    CHECK(membership.epoch() == Epoch{2});

    membership.on_ready("head", ready(0, Epoch{2}), {});
    REQUIRE(membership.on_hello(hello("worker-a", 2), {}).ok());
    membership.on_ready("worker-a", ready(1, Epoch{1}), {});
    CHECK_FALSE(membership.is_up());
    membership.on_ready("worker-a", ready(1, Epoch{2}), {});
    CHECK(membership.is_up());
  }

  TEST_CASE("spawned worker: is launched at start, again after it died, and later each time it fails in a row") {
    Membership membership = head_and_worker(WorkerKind::kSpawned);
    membership.start({});
    CHECK(only<LaunchWorker>(membership.take_actions()).size() == 1);

    TimePoint now{};
    Duration delay = milliseconds(50);
    for (int failure = 0; failure < 10; ++failure) {
      membership.on_worker_lost("worker-a", "it exited", now);
      CHECK(only<LaunchWorker>(membership.take_actions()).empty());
      CHECK(membership.next_timer() == now + delay);
      now = membership.next_timer();
      membership.on_timer(now);
      CHECK(only<LaunchWorker>(membership.take_actions()).size() == 1);
      delay = std::min<Duration>(delay * 2, seconds(5));
    }
  }

  TEST_CASE("spawned worker: one that dies again and again is reported once, and launched again all the same") {
    Membership membership = head_and_worker(WorkerKind::kSpawned);
    membership.start({});
    TimePoint now{};
    std::size_t reports = 0;
    for (int failure = 1; failure <= 8; ++failure) {
      CHECK(only<LaunchWorker>(membership.take_actions()).size() == 1);
      membership.on_worker_lost("worker-a", "it exited with status 1", now);
      const auto failed = only<LoadFailed>(membership.take_actions());
      reports += failed.size();
      CHECK(reports == (failure < 5 ? 0 : 1));
      if (!failed.empty()) CHECK(failed[0].error.message.find("it exited with status 1") != std::string::npos);
      now = membership.next_timer();
      membership.on_timer(now);
    }
  }

  TEST_CASE("stages of a replica behind others have their own numbers, in and out") {
    Membership membership({{"head", WorkerKind::kHead, 0, 3, 5}, {"worker-a", WorkerKind::kNamed, 3, 3, 6}}, {}, 5);
    membership.start({});
    auto assigned = only<AssignStage>(membership.take_actions());
    REQUIRE(assigned.size() == 1);
    CHECK(assigned[0].stage == 5);
    REQUIRE(membership.on_hello(hello("worker-a", 7), {}).ok());
    CHECK(only<AssignStage>(membership.take_actions())[0].stage == 6);
    for (const std::uint32_t stranger : {0u, 1u, 4u, 7u}) membership.on_ready("head", ready(stranger, Epoch{1}), {});
    membership.on_ready("head", ready(6, Epoch{1}), {});  // Not its own.
    CHECK(membership.unavailable()->message ==
          "stage 5 (layers 0-2) is loading on head; stage 6 (layers 3-5) is loading on worker-a");
    membership.on_ready("head", ready(5, Epoch{1}), {});
    membership.on_ready("worker-a", ready(6, Epoch{1}), {});
    CHECK(membership.is_up());
    const auto connected = only<ConnectStage>(membership.take_actions());
    REQUIRE(connected.size() == 2);
    CHECK(connected[1].stage == 6);
    membership.on_failed("worker-a", {Epoch{1}, 6, {ErrorCode::kInternal, "broken"}}, {});
    CHECK(only<PipelineDown>(membership.take_actions())[0].error.message.starts_with("stage 6 (layers 3-5)"));
    CHECK(membership.named_workers() == std::vector<std::string>{"worker-a"});
  }

  TEST_CASE("worker lost while loading: what it still says of that assignment is stale for its successor") {
    Membership membership = head_and_worker(WorkerKind::kNamed);
    membership.start({});
    REQUIRE(membership.on_hello(hello("worker-a", 1), {}).ok());
    membership.take_actions();

    membership.on_worker_lost("worker-a", "connection lost", {});
    const auto actions = membership.take_actions();
    REQUIRE(only<PipelineDown>(actions).size() == 1);  // The batcher counts epochs along.
    CHECK(only<PipelineDown>(actions)[0].epoch == Epoch{1});
    REQUIRE(membership.on_hello(hello("worker-a", 1), {}).ok());
    membership.on_ready("head", ready(0, Epoch{2}), {});
    membership.on_ready("worker-a", ready(1, Epoch{1}), {});
    CHECK_FALSE(membership.is_up());
    membership.on_ready("worker-a", ready(1, Epoch{2}), {});
    CHECK(membership.is_up());
    membership.check_invariants();
  }

  TEST_CASE("spawned worker: is killed and launched again when it does not connect in time") {
    Membership membership = head_and_worker(WorkerKind::kSpawned);
    membership.start({});
    membership.take_actions();

    membership.on_timer(TimePoint{seconds(20)});

    CHECK(only<KillWorker>(membership.take_actions()).size() == 1);
    membership.on_timer(TimePoint{seconds(20) + milliseconds(50)});
    CHECK(only<LaunchWorker>(membership.take_actions()).size() == 1);
  }

  TEST_CASE("hello: a taken name can be retried, an unknown name or another version cannot") {
    Membership membership = head_and_worker(WorkerKind::kNamed);
    bring_up(membership, {});

    const auto taken = membership.on_hello(hello("worker-a", 9), {});
    REQUIRE_FALSE(taken.ok());
    CHECK(is_retryable(taken.error().code));
    const auto unknown = membership.on_hello(hello("worker-b", 1), {});
    REQUIRE_FALSE(unknown.ok());
    CHECK(unknown.error().message == "the topology has no worker named 'worker-b'; it has: worker-a");
    CHECK_FALSE(membership.on_hello(hello("head", 1), {}).ok());
    WorkerHello newer = hello("worker-a", 1);
    newer.version = 99;
    CHECK(membership.on_hello(newer, {}).error().code == ErrorCode::kUnsupportedVersion);
    CHECK(membership.is_up());
  }

  TEST_CASE("any worker: whoever is given has the stage, and the next one takes it over in a new epoch") {
    Membership membership({{"head", WorkerKind::kHead, 0, 3}, {"", WorkerKind::kAny, 3, 3, 1}}, {});
    membership.start({});
    membership.on_ready("head", ready(0, Epoch{1}), {});
    CHECK(membership.unavailable()->message == "stage 1 (layers 3-5) waits for any worker");
    CHECK_FALSE(membership.on_hello(hello("one", 1), {}).ok());  // Nobody's name.
    CHECK(membership.next_timer() == TimePoint::never());

    REQUIRE(membership.take_worker(hello("one", 1), {}));
    CHECK_FALSE(membership.take_worker(hello("two", 2), {}));
    CHECK(membership.owner_of(1) == "one");
    CHECK(membership.on_hello(hello("one", 1), {}).ok());  // Once more.
    CHECK(is_retryable(membership.on_hello(hello("one", 7), {}).error().code));
    membership.on_ready("one", ready(1, Epoch{1}), {});
    CHECK(membership.is_up());
    membership.take_actions();

    membership.on_worker_lost("one", "it left", {});
    const auto down = only<PipelineDown>(membership.take_actions());
    REQUIRE(down.size() == 1);
    CHECK(down[0].error.message == "stage 1 (layers 3-5) on one was lost: it left");
    CHECK_FALSE(membership.has_worker("one"));
    REQUIRE(membership.take_worker(hello("two", 2), {}));
    const auto assigned = only<AssignStage>(membership.take_actions());
    REQUIRE(assigned.size() == 1);
    CHECK(assigned[0].worker == "two");
    CHECK(assigned[0].epoch == Epoch{2});
    membership.on_ready("one", ready(1, Epoch{2}), {});  // No longer its own.
    membership.on_ready("head", ready(0, Epoch{2}), {});
    CHECK_FALSE(membership.is_up());
    membership.on_ready("two", ready(1, Epoch{2}), {});
    CHECK(membership.is_up());
    membership.check_invariants();
  }

  TEST_CASE("any worker: one that fails to load gives the stage up, which waits a while before it takes another") {
    Membership membership({{"", WorkerKind::kAny, 0, 6}}, {});
    membership.start({});
    REQUIRE(membership.take_worker(hello("one", 1), {}));
    membership.take_actions();

    membership.on_failed("one", {Epoch{1}, 0, {ErrorCode::kModelLoadFailed, "another model"}}, {});

    const auto actions = membership.take_actions();
    CHECK(only<LoadFailed>(actions).size() == 1);
    REQUIRE(only<ReleaseStage>(actions).size() == 1);
    CHECK(only<ReleaseStage>(actions)[0].worker == hello("one", 1));
    CHECK_FALSE(membership.has_worker("one"));
    CHECK(membership.unavailable()->message ==
          "stage 0 (layers 0-5) waits for any worker; it failed to load: another model (on one)");
    CHECK_FALSE(membership.take_worker(hello("two", 2), {}));
    const TimePoint later = membership.next_timer();
    CHECK(later == TimePoint{milliseconds(50)});
    membership.on_timer(later);
    CHECK(membership.next_timer() == TimePoint::never());
    REQUIRE(membership.take_worker(hello("two", 2), later));
    CHECK(only<AssignStage>(membership.take_actions()).size() == 1);
  }

  TEST_CASE("devices: a worker without that of its stage is refused, and has no place on any") {
    const StagePlace place{"worker-a", WorkerKind::kNamed, 0, 6, 0, {}, "cuda:1"};
    Membership named({place}, {});
    named.start({});
    WorkerHello message = hello("worker-a", 1);
    message.devices = {"cpu:0", "cuda:0"};
    CHECK(named.on_hello(message, {}).error() ==
          Error{ErrorCode::kInvalidConfig,
                "worker-a has no device cuda:1, where stage 0 (layers 0-5) is; it has: cpu:0, cuda:0"});
    StagePlace anywhere = place;
    anywhere.worker.clear();
    anywhere.kind = WorkerKind::kAny;
    Membership any({anywhere}, {});
    any.start({});
    CHECK_FALSE(any.take_worker(message, {}));
    message.devices.push_back("cuda:1");
    CHECK(named.on_hello(message, {}).ok());
    CHECK(any.take_worker(message, {}));
  }

  TEST_CASE("load failure: is reported with the error, and tried again later") {
    Membership membership = head_and_worker(WorkerKind::kNamed);
    membership.start({});
    membership.take_actions();

    membership.on_failed("head", {Epoch{1}, 0, {ErrorCode::kModelLoadFailed, "no such file"}}, {});

    const auto failures = only<LoadFailed>(membership.take_actions());
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].error.code == ErrorCode::kModelLoadFailed);
    CHECK(membership.unavailable()->message.find("failed to load on head: no such file") != std::string::npos);
    membership.on_timer(membership.next_timer());
    CHECK(only<AssignStage>(membership.take_actions()).size() == 1);
  }

  TEST_CASE("broken pipeline: a step overdue in this epoch sets it up anew, one of an old epoch does nothing") {
    Membership membership = head_and_worker(WorkerKind::kNamed);
    bring_up(membership, {});

    membership.on_pipeline_broken(Epoch{7}, "stale", {});
    CHECK(membership.take_actions().empty());
    membership.on_pipeline_broken(Epoch{1}, "no result for 30 s", {});

    const auto actions = membership.take_actions();
    CHECK(only<PipelineDown>(actions).size() == 1);
    CHECK(only<AssignStage>(actions).size() == 2);
  }

  TEST_CASE("silent load: a worker that shows no progress is lost, one that does is not") {
    Membership membership = head_and_worker(WorkerKind::kSpawned);
    membership.start({});
    REQUIRE(membership.on_hello(hello("worker-a", 1), {}).ok());
    membership.take_actions();

    membership.on_progress("worker-a", {Epoch{1}, 1, 10, 100}, TimePoint{seconds(59)});
    membership.on_timer(TimePoint{seconds(60)});
    CHECK(only<KillWorker>(membership.take_actions()).empty());
    membership.on_timer(TimePoint{seconds(119)});
    CHECK(only<KillWorker>(membership.take_actions()).size() == 1);
  }
}

}  // namespace
}  // namespace sluice
