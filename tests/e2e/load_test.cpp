// `sluice load` against a running engine: every request that it offers is accounted for, at a modest rate and at one
// that the engine must refuse, and the engine serves afterwards.
#include <doctest/doctest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

using nlohmann::json;

// Runs it to its end; what it reports.
json offer_load(const EngineUnderTest& engine, std::vector<std::string> flags) {
  // As long as it takes: sanitizers make the engine some twenty times slower.
  std::vector<std::string> arguments = {"load", "--connect", engine.ingress(), "--json", "--drain", "600"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Program load(arguments);
  const std::string output = load.rest();
  CHECK(load.wait() == 0);
  const json report = json::parse(output, nullptr, false);
  REQUIRE(report.is_object());
  CHECK(report["balanced"] == true);
  CHECK(report["violations"] == 0);
  CHECK(report["sent"] == report["offered"]);
  return report;
}

void receive_until(transport::Client& client, const std::function<bool(const ServerMessage&)>& is_it) {
  for (bool has_come = false; !has_come;) {
    const auto message = client.receive(kPatience);
    REQUIRE(message.ok());
    REQUIRE(message->has_value());
    has_come = is_it(**message);
  }
}

void check_serves(const EngineUnderTest& engine) {
  auto client = engine.connect();
  const Answer answer = generate(client, greedy("after", "Once upon a time", 8));
  REQUIRE(answer.finished.has_value());
  CHECK(answer.ids.size() == 8);
}

TEST_SUITE("e2e/load") {
  TEST_CASE("load: 50 requests at a modest rate all finish, with the lengths that were drawn") {
    TopologyText topology;
    topology.client_window_tokens = 4;  // So that none ends without further credit.
    EngineUnderTest engine(topology);
    const json report = offer_load(engine, {"--rate", "50", "--requests", "50", "--vocab", "4096", "--prompt-tokens",
                                            "8..32", "--output-tokens", "20", "--connections", "3"});
    CHECK(report["offered"] == 50);
    CHECK(report["accepted"] == 50);
    CHECK(report["outcomes"]["finished"]["length"] == 50);
    CHECK(report["goodput"]["output_tokens"] == 1000);
    CHECK(report["latency_ms"]["first_token"]["count"] == 50);
    CHECK(report["latency_ms"]["end_to_end"]["count"] == 50);
    CHECK(report["latency_ms"]["refusal"]["count"] == 0);
    check_serves(engine);
  }

  TEST_CASE("load: a full engine refuses all of it") {
    TopologyText topology;
    topology.max_requests = 2;
    EngineUnderTest engine(topology);
    auto holder = engine.connect();
    for (const std::string id : {"first", "second"}) {
      Generate request = greedy(id, "Once upon a time", 900);
      request.ignore_eos = true;
      request.credit_tokens = 1;  // Longer than the engine computes ahead: it stays until it is cancelled.
      REQUIRE(holder.send(request).ok());
      receive_until(holder, [&](const ServerMessage& message) {
        const auto* accepted = std::get_if<Accepted>(&message);
        return accepted != nullptr && accepted->request_id == id;
      });
    }
    const json report = offer_load(engine, {"--rate", "1000", "--requests", "30", "--connections", "2"});
    CHECK(report["offered"] == 30);
    CHECK(report["outcomes"]["refused"] == 30);
    CHECK(report["accepted"] == 0);
    CHECK(report["latency_ms"]["refusal"]["count"] == 30);
    for (const std::string id : {"first", "second"}) {
      REQUIRE(holder.cancel(id).ok());
      receive_until(holder, [&](const ServerMessage& message) {
        const auto* finished = std::get_if<Finished>(&message);
        return finished != nullptr && finished->request_id == id;
      });
    }
    check_serves(engine);
  }

  TEST_CASE("load: more than the engine admits is refused, and the sum still matches") {
    TopologyText topology;
    topology.max_requests = 2;
    EngineUnderTest engine(topology);
    // All at practically the same time: at most two can be running, and none is done before the others arrive.
    const json report = offer_load(engine, {"--rate", "100000", "--requests", "200", "--output-tokens", "200"});
    CHECK(report["offered"] == 200);
    const int refused = report["outcomes"]["refused"];
    const int finished = report["outcomes"]["finished"]["length"];
    CHECK(refused > 0);
    CHECK(finished >= 2);
    CHECK(refused + finished == 200);
    CHECK(report["latency_ms"]["refusal"]["count"] == refused);
    check_serves(engine);
  }

  TEST_CASE("load: a public trace, made smaller and faster") {
    const auto trace = shared_path("traces/mooncake_conversation.jsonl");
    if (!trace) {
      MESSAGE("skipped: no shared traces");
      return;
    }
    EngineUnderTest engine({});
    const json report = offer_load(engine, {"--replay", "--file", trace->string(), "--speed", "100", "--scale", "0.003",
                                            "--vocab", "4096", "--requests", "40"});
    CHECK(report["offered"] == 40);
    CHECK(report["outcomes"]["finished"]["length"] == 40);
    check_serves(engine);
  }
}

}  // namespace
}  // namespace sluice::test
