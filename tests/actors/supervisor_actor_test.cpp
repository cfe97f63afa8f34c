// The supervisor with a worker that the test plays.
#include "actors/supervisor_actor.h"

#include <memory>

#include "actors/snapshot_messages.h"
#include "tests/actors/control_peers.h"

namespace sluice::actors {
namespace {

// One stage on a named worker. The test is ingress, batcher and engine.
struct Fixture {
  explicit Fixture(MembershipLimits limits = {}, const StagePlace& place = {"worker-a", WorkerKind::kNamed, 0, 6}) {
    transport::SocketOptions options;
    auto control = transport::RouterSocket::bind(context, "tcp://127.0.0.1:*", options, {});
    REQUIRE(control.ok());
    address = control->address();
    SupervisedStage stage;
    stage.place = place;
    stage.assign.input_address = "tcp://127.0.0.1:*";
    SupervisorSettings settings;
    settings.stages = {stage};
    settings.results_addresses = {"inproc://results"};
    settings.limits = limits;
    supervisor = system.spawn<SupervisorActor, caf::detached>(
        std::make_unique<transport::RouterSocket>(std::move(*control)), settings);
    const auto me = caf::actor_cast<caf::actor>(self.ptr());
    caf::anon_send(supervisor, SupervisorActor::Begin{{me, {me}, me}, {caf::actor()}});
  }
  ~Fixture() { caf::anon_send(supervisor, Stop{}); }

  template <class T>
  std::optional<T> hear() {
    std::optional<T> heard;
    self->receive([&](const T& message) { heard = message; }, caf::after(std::chrono::seconds(60)) >> [] {});
    return heard;
  }

  transport::Context context = transport::Context::create().value();
  std::string address;
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  caf::actor supervisor;
};

WorkerHello hello(std::uint64_t incarnation) {
  WorkerHello message;
  message.name = "worker-a";
  message.incarnation = incarnation;
  return message;
}

StageReady ready(Epoch epoch, const std::string& address) {
  StageReady message;
  message.epoch = epoch;
  message.input_address = address;
  return message;
}

TEST_SUITE("actors/supervisor_actor") {
  TEST_CASE("a worker is welcomed, assigned and connected, and its death is told") {
    Fixture fixture;
    auto worker = std::make_unique<FakeWorker>(fixture.context, fixture.address);
    worker->say(hello(1));
    worker->hear<WorkerWelcome>();
    const Epoch epoch = worker->hear<StageAssign>().epoch;
    worker->say(ready(epoch, "tcp://127.0.0.1:7000"));
    CHECK(worker->hear<StageConnect>().output_addresses == std::vector<std::string>{"inproc://results"});
    const auto up = fixture.hear<PipelineReady>();
    REQUIRE(up.has_value());
    CHECK(up->input_addresses == std::vector<std::string>{"tcp://127.0.0.1:7000"});
    worker.reset();
    const auto lost = fixture.hear<PipelineLost>();
    REQUIRE(lost.has_value());
    CHECK(lost->epoch == epoch);
    CHECK(lost->error.code == ErrorCode::kStageLost);
  }

  TEST_CASE("a worker that loads without a sign of progress is told that it was given up, and may start over") {
    MembershipLimits limits;
    limits.silence_timeout = std::chrono::milliseconds(20);
    Fixture fixture(limits);
    FakeWorker worker(fixture.context, fixture.address);
    worker.say(hello(1));
    const Epoch first = worker.hear<StageAssign>().epoch;
    CHECK(is_retryable(worker.hear<WorkerRefused>().error.code));
    // Whatever it says of that assignment is answered in the same way.
    worker.say(ready(first, "tcp://127.0.0.1:7000"));
    worker.hear<WorkerRefused>();
    worker.say(hello(1));
    worker.hear<WorkerWelcome>();
    CHECK(worker.hear<StageAssign>().epoch > first);
  }

  TEST_CASE("a stage that claims to be bound where it was not told to is refused") {
    Fixture fixture;
    FakeWorker worker(fixture.context, fixture.address);
    worker.say(hello(1));
    const Epoch epoch = worker.hear<StageAssign>().epoch;
    worker.say(ready(epoch, "inproc://results"));
    // Nothing that ends an engine: another worker of that name may do better.
    std::string lacks;
    while (lacks.find("was told to bind tcp://127.0.0.1:* and bound another") == std::string::npos) {
      const auto availability = fixture.hear<Availability>();
      REQUIRE(availability.has_value());
      REQUIRE(availability->error.has_value());
      lacks = availability->error->message;
    }
  }

  TEST_CASE("any worker: the first has the stage, the next stands by, and takes it over when the first leaves") {
    Fixture fixture({}, {"", WorkerKind::kAny, 0, 6});
    FakeWorker first(fixture.context, fixture.address);
    first.say(hello(1));
    const Epoch epoch = first.hear<StageAssign>().epoch;
    first.say(ready(epoch, "tcp://127.0.0.1:7000"));
    first.hear<StageConnect>();
    FakeWorker second(fixture.context, fixture.address);
    WorkerHello other = hello(2);
    second.say(other);  // Of a name that is taken.
    second.hear<WorkerRefused>();
    other.name = "worker-b";
    second.say(other);
    second.hear<WorkerWelcome>();
    first.say(WorkerLeave{});
    const auto lost = fixture.hear<PipelineLost>();
    REQUIRE(lost.has_value());
    CHECK(lost->error.message == "stage 0 (layers 0-5) on worker-a was lost: it left");
    CHECK(second.hear<StageAssign>().epoch > epoch);
    first.say(hello(1));
    first.hear<WorkerWelcome>();  // It stands by now.
  }

  TEST_CASE("any worker: one that cannot load is told to drop the stage, and another gets it") {
    Fixture fixture({}, {"", WorkerKind::kAny, 0, 6});
    FakeWorker wrong(fixture.context, fixture.address);
    wrong.say(hello(1));
    const Epoch epoch = wrong.hear<StageAssign>().epoch;
    FakeWorker right(fixture.context, fixture.address);
    WorkerHello other = hello(2);
    other.name = "worker-b";
    right.say(other);
    right.hear<WorkerWelcome>();
    wrong.say(StageFailed{epoch, 0, {ErrorCode::kModelLoadFailed, "another model"}});
    wrong.hear<StageRelease>();
    CHECK(right.hear<StageAssign>().epoch == epoch);
    wrong.say(ready(epoch, "tcp://127.0.0.1:7000"));  // Too late.
    right.say(ready(epoch, "tcp://127.0.0.1:7001"));
    const auto up = fixture.hear<PipelineReady>();
    REQUIRE(up.has_value());
    CHECK(up->input_addresses == std::vector<std::string>{"tcp://127.0.0.1:7001"});
  }

  TEST_CASE("whoever gets the counts is told at once of every change of state, without waiting for the interval") {
    Fixture fixture({}, {"", WorkerKind::kAny, 0, 6});
    const auto me = caf::actor_cast<caf::actor>(fixture.self.ptr());
    caf::anon_send(fixture.supervisor, ReportTo{me, std::chrono::hours(1)});
    // Until one is as it should be; only a defect leaves out what comes before.
    const auto next = [&](const auto& is_expected) {
      auto heard = fixture.hear<metrics::SupervisorSnapshot>();
      while (heard && (heard->replicas.empty() || !is_expected(*heard))) {
        heard = fixture.hear<metrics::SupervisorSnapshot>();
      }
      REQUIRE(heard.has_value());
      return *heard;
    };
    const auto state = [](RankState expected) {
      return [expected](const metrics::SupervisorSnapshot& told) {
        return told.replicas[0].stages[0].ranks[0].state == expected;
      };
    };
    CHECK(next(state(RankState::kWaiting)).replicas[0].lacks == "stage 0 (layers 0-5) waits for any worker");

    FakeWorker one(fixture.context, fixture.address);
    WorkerHello first = hello(1);
    first.name = "one";
    one.say(first);
    const Epoch epoch = one.hear<StageAssign>().epoch;
    CHECK(next(state(RankState::kLoading)).replicas[0].stages[0].ranks[0].worker == "one");
    one.say(LoadProgress{epoch, 0, 30, 100});
    next([](const auto& told) { return told.replicas[0].stages[0].ranks[0].memory == RankMemory{30, 100, 0, 0}; });
    one.say(ready(epoch, "tcp://127.0.0.1:7000"));
    CHECK(next(state(RankState::kUp)).replicas[0].is_up);

    FakeWorker two(fixture.context, fixture.address);
    WorkerHello second = hello(2);
    second.name = "two";
    two.say(second);
    CHECK(next([](const auto& told) { return !told.standbys.empty(); }).standbys ==
          std::vector<StandbyStatus>{{"two", {"cpu:0"}}});
    one.say(WorkerLeave{});
    const auto taken = next([](const auto& told) { return told.replicas[0].stages[0].ranks[0].worker == "two"; });
    CHECK(taken.standbys.empty());
    CHECK(taken.replicas[0].losses == 1);
    CHECK(taken.replicas[0].stages[0].ranks[0].losses == 1);
  }

  TEST_CASE("counts of a worker's own stages are passed on, others are not") {
    Fixture fixture;
    const auto me = caf::actor_cast<caf::actor>(fixture.self.ptr());
    caf::anon_send(fixture.supervisor, ReportTo{me, std::chrono::hours(1)});
    FakeWorker worker(fixture.context, fixture.address);
    worker.say(hello(1));
    worker.hear<StageAssign>();
    StageStats stats;
    stats.snapshots_total = 1;
    for (const std::uint32_t stage : {1u, 0xffffffffu, 0u}) {
      stats.stage = stage;
      worker.say(stats);
    }
    const auto heard = fixture.hear<StageStats>();
    REQUIRE(heard.has_value());
    CHECK(heard->stage == 0);
  }

  TEST_CASE("reports of stages that do not exist, and of strangers, change nothing") {
    Fixture fixture;
    FakeWorker stranger(fixture.context, fixture.address);
    stranger.say(ready(Epoch{1}, "tcp://127.0.0.1:7000"));
    stranger.hear<WorkerRefused>();
    FakeWorker worker(fixture.context, fixture.address);
    worker.say(hello(1));
    const Epoch epoch = worker.hear<StageAssign>().epoch;
    for (const std::uint32_t stage : {1u, 1000u, 0xffffffffu}) {
      StageReady message = ready(epoch, "tcp://127.0.0.1:7000");
      message.stage = stage;
      worker.say(message);
      worker.say(StageFailed{epoch, stage, {ErrorCode::kInternal, "no such stage"}});
      worker.say(LoadProgress{epoch, stage, 1, 2});
    }
    worker.say(ready(epoch, "tcp://127.0.0.1:7000"));
    CHECK(worker.hear<StageConnect>().epoch == epoch);
  }
}

}  // namespace
}  // namespace sluice::actors
