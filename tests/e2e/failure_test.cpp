// Workers that are killed: every request has one outcome, the engine says what it lacks, and serves again.
#include <doctest/doctest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"
#include "transport/zmq/dealer_socket.h"

namespace sluice::test {
namespace {

// Sends long requests and waits until each has its first token: all are in flight then.
void start_requests(transport::Client& client, int count) {
  std::set<std::string> waiting;
  for (int i = 0; i < count; ++i) {
    Generate request = greedy("long-" + std::to_string(i), "Once upon a time", 900);
    request.ignore_eos = true;
    request.credit_tokens = 1;  // Then they wait for us: none can end before the worker does.
    REQUIRE(client.send(request).ok());
    waiting.insert(request.request_id);
  }
  while (!waiting.empty()) {
    auto message = client.receive(kPatience);
    REQUIRE(message.ok());
    REQUIRE(message->has_value());
    REQUIRE_FALSE(std::holds_alternative<Failed>(**message));
    if (const auto* tokens = std::get_if<Tokens>(&**message)) waiting.erase(tokens->request_id);
  }
}

// Each of them ends with exactly one Failed{stage_lost}.
void check_all_lost(transport::Client& client, int count) {
  std::set<std::string> lost;
  while (lost.size() < static_cast<std::size_t>(count)) {
    auto message = client.receive(kPatience);
    REQUIRE(message.ok());
    REQUIRE(message->has_value());
    REQUIRE_FALSE(std::holds_alternative<Finished>(**message));
    if (const auto* failed = std::get_if<Failed>(&**message)) {
      CHECK(failed->error.code == ErrorCode::kStageLost);
      CHECK(failed->error.retry_after_ms > 0);
      CHECK(failed->error.message.find("layers 3-5") != std::string::npos);
      REQUIRE(lost.insert(failed->request_id).second);
    }
  }
}

std::vector<TokenId> reference_tokens(transport::Client& client, const std::string& id) {
  const Answer answer = generate(client, greedy(id, "The wolf said to the little girl,", 16));
  REQUIRE(answer.finished.has_value());
  return answer.ids;
}

TEST_SUITE("e2e/failure") {
  TEST_CASE(
      "kill -9 of a named worker: requests in flight fail once, the engine says what it lacks, and serves again") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "worker-a/cpu:0"}};
    EngineUnderTest engine(topology, false);
    auto client = engine.connect();
    const Answer early = generate(client, greedy("early", "Too early", 4));
    REQUIRE(early.error.has_value());
    CHECK(early.error->code == ErrorCode::kUnavailable);
    CHECK(early.error->message.find("stage 1 (layers 3-5) waits for worker-a") != std::string::npos);

    const std::vector<std::string> arguments = {"worker",      "--connect", engine.control(), "--name", "worker-a",
                                                "--log-level", "warn"};
    Program worker(arguments);
    engine.wait_until_ready();
    const auto expected = reference_tokens(client, "before");
    start_requests(client, 8);
    worker.signal(SIGKILL);
    check_all_lost(client, 8);
    CHECK(worker.wait() == 128 + SIGKILL);

    const auto down = engine.program().line_starting("down ");
    REQUIRE(down.has_value());
    CHECK(down->find("stage 1 (layers 3-5) on worker-a was lost") != std::string::npos);
    const Answer refused = generate(client, greedy("refused", "Too late", 4));
    REQUIRE(refused.error.has_value());
    CHECK(refused.error->code == ErrorCode::kUnavailable);
    CHECK(refused.error->message.find("stage 1 (layers 3-5) waits for worker-a") != std::string::npos);
    CHECK(refused.error->retry_after_ms > 0);

    Program again(arguments);
    engine.wait_until_ready();
    CHECK(reference_tokens(client, "after") == expected);
    engine.program().signal(SIGINT);
    CHECK(engine.program().wait() == 0);
    // The worker waits for its head to come back, until it is told to stop.
    again.signal(SIGINT);
    CHECK(again.wait() == 0);
  }

  TEST_CASE("a worker with another model is not used: the engine says so, and serves once the right one is there") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "worker-a/cpu:0"}};
    EngineUnderTest engine(topology, false);
    TemporaryFolder folder;
    const auto model = model_path();
    std::filesystem::copy(model, folder.path() / "model", std::filesystem::copy_options::recursive);
    std::ofstream(folder.path() / "model" / "config.json", std::ios::app) << "\n";
    const std::vector<std::string> arguments = {"worker",  "--connect",    engine.control(), "--name", "worker-a",
                                                "--model", model.string(), "--log-level",    "error"};
    std::vector<std::string> wrong_arguments = arguments;
    wrong_arguments[6] = (folder.path() / "model").string();
    {
      Program wrong(wrong_arguments);
      auto client = engine.connect();
      std::string lacks;
      for (int i = 0; lacks.find("is another model than the head's") == std::string::npos; ++i) {
        const Answer answer = generate(client, greedy("early-" + std::to_string(i), "Too early", 4));
        REQUIRE(answer.error.has_value());
        REQUIRE(answer.error->code == ErrorCode::kUnavailable);
        lacks = answer.error->message;
      }
      CHECK(lacks.find("stage 1 (layers 3-5) failed to load on worker-a") != std::string::npos);
      wrong.signal(SIGINT);
      CHECK(wrong.wait() == 0);
    }
    Program right(arguments);
    engine.wait_until_ready();
    auto client = engine.connect();
    CHECK(reference_tokens(client, "after").size() == 16);
    right.signal(SIGINT);
    CHECK(right.wait() == 0);
  }

  TEST_CASE("kill -9 of a rank in the middle of a step: the others come free, and the stage is set up again") {
    TopologyText topology;
    topology.stages = {{"0-5", "head/cpu:0, spawn/cpu:0"}};
    EngineUnderTest engine(topology);
    auto client = engine.connect();
    const auto expected = reference_tokens(client, "before");
    for (int round = 0; round < 3; ++round) {
      Generate request = greedy("long-" + std::to_string(round), "Once upon a time", 900);
      request.ignore_eos = true;
      request.credit_tokens = 900;  // Steps follow one another, and each waits in exchanges most of the time.
      REQUIRE(client.send(request).ok());
      bool has_begun = false;
      std::optional<Error> error;
      while (!error) {
        auto message = client.receive(kPatience);
        REQUIRE(message.ok());
        REQUIRE(message->has_value());
        REQUIRE_FALSE(std::holds_alternative<Finished>(**message));
        if (const auto* failed = std::get_if<Failed>(&**message)) error = failed->error;
        if (has_begun || !std::holds_alternative<Tokens>(**message)) continue;
        has_begun = true;
        REQUIRE(kill(only_child_of(engine.program().pid()), SIGKILL) == 0);
      }
      CHECK(error->code == ErrorCode::kStageLost);
      engine.wait_until_ready();
      CHECK(reference_tokens(client, "after-" + std::to_string(round)) == expected);
    }
  }

  TEST_CASE("kill -9 of a spawned worker: it is started again, three times over") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    EngineUnderTest engine(topology);
    auto client = engine.connect();
    const auto expected = reference_tokens(client, "before");
    for (int round = 0; round < 3; ++round) {
      start_requests(client, 4);
      const auto child = only_child_of(engine.program().pid());
      REQUIRE(kill(child, SIGKILL) == 0);
      check_all_lost(client, 4);
      engine.wait_until_ready();
      CHECK(reference_tokens(client, "after-" + std::to_string(round)) == expected);
    }
  }

  TEST_CASE("a stopped head takes its spawned workers along") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    pid_t child = -1;
    {
      EngineUnderTest engine(topology);
      child = only_child_of(engine.program().pid());
      engine.program().signal(SIGKILL);
      CHECK(engine.program().wait() == 128 + SIGKILL);
    }
    CHECK(has_ended(child));
  }

  TEST_CASE("a client that floods the ingress keeps it neither from others nor from its end") {
    EngineUnderTest engine(TopologyText{});
    auto client = engine.connect();
    const auto context = transport::Context::create();
    REQUIRE(context.ok());
    auto flood = transport::DealerSocket::connect(*context, engine.ingress(), {}, {});
    REQUIRE(flood.ok());
    std::atomic<bool> is_over = false;
    std::thread flooding([&] {
      const transport::Message garbage = {transport::FrameBuilder(8).freeze()};
      while (!is_over) flood->send(garbage);
    });
    CHECK(generate(client, greedy("beside", "Once upon a time", 8)).finished.has_value());
    engine.program().signal(SIGINT);
    CHECK(engine.program().wait() == 0);
    is_over = true;
    flooding.join();
  }

  TEST_CASE("worker: an unknown name is refused with the names there are, a taken one after a while") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "worker-a/cpu:0"}};
    EngineUnderTest engine(topology, false);
    Program stranger({"worker", "--connect", engine.control(), "--name", "worker-b", "--log-level", "off"}, true);
    const std::string output = stranger.rest();
    CHECK(output.find("the topology has no worker named 'worker-b'; it has: worker-a") != std::string::npos);
    CHECK(stranger.wait() == 78);
  }
}

}  // namespace
}  // namespace sluice::test
