// A worker actor under a head that the test plays.
#include "actors/worker_actor.h"

#include <memory>

#include "actors/socket_directory.h"
#include "tests/actors/control_peers.h"
#include "tests/support/paths.h"

namespace sluice::actors {
namespace {

struct Fixture {
  explicit Fixture(bool is_spawned = false) {
    WorkerSettings settings;
    settings.hello.name = "worker-a";
    settings.hello.incarnation = 1;
    settings.is_spawned = is_spawned;
    transport::SocketOptions options;
    options.routing_id = "worker-a-1";
    auto socket = transport::DealerSocket::connect(context, address, options, {});
    REQUIRE(socket.ok());
    worker = system.spawn<WorkerActor, caf::detached>(std::make_unique<transport::DealerSocket>(std::move(*socket)),
                                                      settings, context, caf::actor_cast<caf::actor>(main.ptr()));
  }
  ~Fixture() { caf::anon_send(worker, Stop{}); }

  SocketDirectory folder = SocketDirectory::create("").value();
  std::string address = "ipc://" + folder.path() + "/control";
  transport::Context context = transport::Context::create().value();
  std::unique_ptr<FakeHead> head = std::make_unique<FakeHead>(context, address);
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor main{system};
  caf::actor worker;
};

StageAssign assignment(Epoch epoch) {
  StageAssign assign;
  assign.epoch = epoch;
  assign.model_path = test::source_path("examples/models/storyteller-llama").string();
  assign.num_layers = 6;
  assign.kernel_path = "scalar";
  assign.num_blocks = 16;
  assign.max_batch_tokens = 16;
  assign.input_address = "tcp://127.0.0.1:*";
  return assign;
}

TEST_SUITE("actors/worker_actor") {
  TEST_CASE("a worker that is told to end says that it leaves") {
    Fixture fixture;
    fixture.head->hear<WorkerHello>();
    fixture.head->say(WorkerWelcome{});
    fixture.head->say(assignment(Epoch{1}));
    fixture.head->hear<StageReady>();
    caf::anon_send(fixture.worker, Stop{});
    fixture.head->hear<WorkerLeave>();
  }

  TEST_CASE("a worker says hello until it is welcome, and loads what it is assigned") {
    Fixture fixture;
    CHECK(fixture.head->hear<WorkerHello>().name == "worker-a");
    CHECK(fixture.head->hear<WorkerHello>().name == "worker-a");
    fixture.head->say(WorkerWelcome{});
    fixture.head->say(assignment(Epoch{1}));
    const auto ready = fixture.head->hear<StageReady>();
    CHECK(ready.epoch == Epoch{1});
    CHECK(ready.input_address.starts_with("tcp://127.0.0.1:"));
    CHECK(ready.weights_bytes > 0);
  }

  TEST_CASE("a stage that is told to report does so again and again, also while nothing happens") {
    Fixture fixture;
    fixture.head->hear<WorkerHello>();
    fixture.head->say(WorkerWelcome{});
    StageAssign assign = assignment(Epoch{1});
    assign.report_interval_ms = 10;
    fixture.head->say(assign);
    const auto ready = fixture.head->hear<StageReady>();
    for (std::uint64_t number = 1; number <= 3; ++number) {
      const auto stats = fixture.head->hear<StageStats>();
      CHECK(stats.snapshots_total == number);
      CHECK(stats.weights_bytes == ready.weights_bytes);
      CHECK(stats.times == StageTimes{});
      CHECK(stats.process.resident_bytes > 0);
    }
  }

  TEST_CASE("a head that comes back finds the worker again") {
    Fixture fixture;
    fixture.head->hear<WorkerHello>();
    fixture.head->say(WorkerWelcome{});
    fixture.head->say(assignment(Epoch{1}));
    fixture.head->hear<StageReady>();
    fixture.head.reset();
    fixture.head = std::make_unique<FakeHead>(fixture.context, fixture.address);
    CHECK(fixture.head->hear<WorkerHello>().incarnation == 1);
  }

  TEST_CASE("a worker that the head has given up starts over") {
    Fixture fixture;
    fixture.head->hear<WorkerHello>();
    fixture.head->say(WorkerWelcome{});
    fixture.head->say(assignment(Epoch{1}));
    fixture.head->hear<StageReady>();
    fixture.head->say(WorkerRefused{{ErrorCode::kUnavailable, "given up", 100}});
    fixture.head->hear<WorkerHello>();
    fixture.head->say(WorkerWelcome{});
    fixture.head->say(assignment(Epoch{2}));
    CHECK(fixture.head->hear<StageReady>().epoch == Epoch{2});
  }

  TEST_CASE("a spawned worker that the head has given up ends") {
    Fixture fixture(true);
    fixture.head->hear<WorkerHello>();
    fixture.head->say(WorkerWelcome{});
    fixture.head->say(WorkerRefused{{ErrorCode::kUnavailable, "given up", 100}});
    std::optional<Error> ended;
    fixture.main->receive([&](const WorkerEnded& message) { ended = message.error; },
                          caf::after(std::chrono::seconds(60)) >> [] {});
    REQUIRE(ended.has_value());
    CHECK(ended->message == "given up");
  }

  TEST_CASE("assignments out of range are failures of the stage, not of the worker") {
    Fixture fixture;
    fixture.head->hear<WorkerHello>();
    fixture.head->say(WorkerWelcome{});
    StageAssign no_window = assignment(Epoch{1});
    no_window.links.window.messages = 0;
    StageAssign far_stage = assignment(Epoch{1});
    far_stage.stage = 7;
    StageAssign many_stages = assignment(Epoch{1});
    many_stages.num_stages = 1'000'000;
    StageAssign huge = assignment(Epoch{1});
    huge.num_blocks = 0xffffffff;
    for (const StageAssign& assign : {no_window, far_stage, many_stages, huge}) {
      fixture.head->say(assign);
      const auto failed = fixture.head->hear<StageFailed>();
      CHECK(failed.stage == assign.stage);
      CHECK_FALSE(failed.error.message.empty());
    }
    fixture.head->say(StageConnect{Epoch{1}, 9, {"tcp://127.0.0.1:1"}});
    fixture.head->say(StageRelease{9});
    fixture.head->say(assignment(Epoch{1}));
    CHECK(fixture.head->hear<StageReady>().epoch == Epoch{1});
  }
}

}  // namespace
}  // namespace sluice::actors
