// Stages on any worker: standbys, takeovers, and workers that leave of their own accord.
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

std::vector<TokenId> tokens_of(transport::Client& client, const std::string& id) {
  const Answer answer = generate(client, greedy(id, "The wolf said to the little girl,", 16));
  REQUIRE(answer.finished.has_value());
  return answer.ids;
}

// A request that waits for its client after the first token.
void start_request(transport::Client& client, const std::string& id) {
  Generate request = greedy(id, "Once upon a time", 900);
  request.ignore_eos = true;
  request.credit_tokens = 1;
  REQUIRE(client.send(request).ok());
  for (bool has_begun = false; !has_begun;) {
    auto message = client.receive(kPatience);
    REQUIRE(message.ok());
    REQUIRE(message->has_value());
    REQUIRE_FALSE(std::holds_alternative<Failed>(**message));
    has_begun = std::holds_alternative<Tokens>(**message);
  }
}

Error failure_of_request(transport::Client& client) {
  while (true) {
    auto message = client.receive(kPatience);
    REQUIRE(message.ok());
    REQUIRE(message->has_value());
    REQUIRE_FALSE(std::holds_alternative<Finished>(**message));
    if (const auto* failed = std::get_if<Failed>(&**message)) return failed->error;
  }
}

// What a request is refused with.
Error refusal(transport::Client& client, const std::string& id) {
  const Answer answer = generate(client, greedy(id, "Too late", 4));
  REQUIRE(answer.error.has_value());
  return *answer.error;
}

void end(Program& program) {
  program.signal(SIGTERM);
  program.rest();
  CHECK(program.wait() == 0);
}

TopologyText shipped_with_standby() {
  std::ifstream file(source_path("configs/uneven-with-standby.toml"));
  TopologyText topology;
  topology.as_written = std::string(std::istreambuf_iterator<char>(file), {});
  const auto replace = [&](const std::string& from, const std::string& to) {
    const std::size_t at = topology.as_written.find(from);
    REQUIRE(at != std::string::npos);
    topology.as_written.replace(at, from.size(), to);
  };
  replace("\"tcp://127.0.0.1:5555\"", "\"tcp://127.0.0.1:*\"");
  replace("bind = \"tcp://127.0.0.1:5550\"", "bind = \"tcp://127.0.0.1:*\"");
  replace("../examples/models/" + std::string(kDemoModel), model_path().string());
  topology.as_written += "[metrics]\nbind = 'http://127.0.0.1:*'\ninterval_ms = 20\n";
  return topology;
}

TEST_SUITE("e2e/standby") {
  TEST_CASE("configs/uneven-with-standby.toml: one of two workers is killed, the other takes over, same tokens") {
    EngineUnderTest engine(shipped_with_standby(), false);
    auto client = engine.connect();
    CHECK(refusal(client, "early").message.find("stage 1 (layers 2-5) waits for any worker") != std::string::npos);
    Program one = registered_worker(engine, "one");
    engine.wait_until_ready();
    Program two = registered_worker(engine, "two");
    const auto expected = tokens_of(client, "before");

    start_request(client, "long");
    one.signal(SIGKILL);
    const Error lost = failure_of_request(client);
    CHECK(lost.code == ErrorCode::kStageLost);
    CHECK(lost.message.find("stage 1 (layers 2-5) on one was lost") != std::string::npos);
    engine.wait_until_ready();
    CHECK(tokens_of(client, "after") == expected);

    // The last one leaves, too: nobody is left until one comes back.
    end(two);
    REQUIRE(engine.program().line_starting("down ").has_value());
    const Error refused = refusal(client, "refused");
    CHECK(refused.code == ErrorCode::kUnavailable);
    CHECK(refused.retry_after_ms > 0);
    CHECK(refused.message.find("stage 1 (layers 2-5) waits for any worker") != std::string::npos);
    Program again = registered_worker(engine, "one");
    engine.wait_until_ready();
    CHECK(tokens_of(client, "again") == expected);
    end(again);
  }

  TEST_CASE("a worker that is told to end says so: requests in flight fail, it may come back") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "worker-a/cpu:0"}};
    EngineUnderTest engine(topology, false);
    Program worker = registered_worker(engine, "worker-a");
    engine.wait_until_ready();
    auto client = engine.connect();
    const auto expected = tokens_of(client, "before");
    start_request(client, "long");
    end(worker);
    const Error lost = failure_of_request(client);
    CHECK(lost.code == ErrorCode::kStageLost);
    CHECK(lost.message.find("stage 1 (layers 3-5) on worker-a was lost: it left") != std::string::npos);
    REQUIRE(engine.program().line_starting("down ").has_value());
    const Error refused = refusal(client, "refused");
    CHECK(refused.code == ErrorCode::kUnavailable);
    CHECK(refused.message.find("stage 1 (layers 3-5) waits for worker-a") != std::string::npos);
    Program again = registered_worker(engine, "worker-a");
    engine.wait_until_ready();
    CHECK(tokens_of(client, "after") == expected);
    end(again);
  }

  TEST_CASE("one with another model does not keep the place of any worker from one with the right one") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "any/cpu:0"}};
    EngineUnderTest engine(topology, false);
    const TemporaryFolder folder;
    const auto model = model_path();
    std::filesystem::copy(model, folder.path() / "model", std::filesystem::copy_options::recursive);
    std::ofstream(folder.path() / "model" / "config.json", std::ios::app) << "\n";
    Program wrong = registered_worker(engine, "wrong", (folder.path() / "model").string());
    Program right = registered_worker(engine, "right");
    engine.wait_until_ready();
    auto client = engine.connect();
    CHECK(tokens_of(client, "served").size() == 16);
    end(right);
    std::string lacks;
    for (int i = 0; lacks.find("(on wrong)") == std::string::npos; ++i) {
      lacks = refusal(client, "refused-" + std::to_string(i)).message;
    }
    end(wrong);
  }
}

}  // namespace
}  // namespace sluice::test
