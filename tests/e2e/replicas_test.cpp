// Several replicas behind a router: the same tokens, cancels and stops that find their way, and one that is killed
// while the other goes on.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "tests/e2e/conversation.h"
#include "tests/e2e/engine_state.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

constexpr const char* kPrompt = "The wolf said to the little girl,";

// Two replicas that are the same, in a process each, in turns.
TopologyText two_replicas() {
  TopologyText topology;
  topology.copies = 2;
  topology.stages = {{"0-5", "spawn/cpu:0"}};
  topology.router = "policy = 'round_robin'\n";
  return topology;
}

std::string of_replica(const std::string& name, int replica) {
  return name + "{replica=\"" + std::to_string(replica) + "\"}";
}

// Both take sequences: the engine is ready as soon as one does.
void wait_for_both(const EngineUnderTest& engine) {
  engine.check_metrics({{of_replica("sluice_replica_up", 0), 1}, {of_replica("sluice_replica_up", 1), 1}});
}

Generate endless(const std::string& id, std::uint32_t max_tokens) {
  Generate request = greedy(id, kPrompt, max_tokens);
  request.ignore_eos = true;
  return request;
}

std::vector<std::string> start_held(Conversation& client, int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) {
    Generate request = endless("held-" + std::to_string(i), 40);
    request.credit_tokens = 1;  // So that none ends before we let it.
    client.generate(request);
    ids.push_back(request.request_id);
  }
  for (const std::string& id : ids) client.wait_for_tokens(id, 1);
  return ids;
}

TEST_SUITE("e2e/replicas") {
  TEST_CASE("kill -9 of one replica's process: its requests fail, the others go on, and it comes back") {
    EngineUnderTest engine(two_replicas());
    wait_for_both(engine);
    Conversation client(engine);
    client.generate(endless("alone", 40));
    const std::vector<TokenId> expected = client.wait_for_end("alone").answer.ids;

    const std::vector<std::string> ids = start_held(client, 6);
    engine.check_metrics(
        {{of_replica("sluice_router_sequences", 0), 3}, {of_replica("sluice_router_sequences", 1), 3}});
    const std::vector<pid_t> processes = processes_of(engine);
    REQUIRE(processes.size() == 3);  // The head first.
    REQUIRE(kill(processes[1], SIGKILL) == 0);
    int num_lost = 0;
    for (const std::string& id : ids) {
      client.credit(id, 40);
      const Answer& answer = client.wait_for_end(id).answer;
      if (answer.error) {
        CHECK(answer.error->code == ErrorCode::kStageLost);
        ++num_lost;
      } else {
        CHECK(answer.ids == expected);
      }
    }
    CHECK(num_lost == 3);
    client.generate(endless("meanwhile", 40));
    CHECK(client.wait_for_end("meanwhile").answer.ids == expected);

    wait_for_both(engine);
    const MetricSamples samples = engine.metrics();
    CHECK(sample(samples, of_replica("sluice_epoch", 0)) + sample(samples, of_replica("sluice_epoch", 1)) == 3);
    CHECK(sample(samples, "sluice_router_unavailable_total") == 0);
    for (int i = 0; i < 2; ++i) {
      client.generate(endless("after-" + std::to_string(i), 40));
      CHECK(client.wait_for_end("after-" + std::to_string(i)).answer.ids == expected);
    }
    engine.program().signal(SIGINT);
    CHECK(engine.program().wait() == 0);
  }

  TEST_CASE("cancels, stop strings and pauses reach the replica that has the sequence") {
    EngineUnderTest engine(two_replicas());
    wait_for_both(engine);
    Conversation client(engine);
    client.generate(endless("whole", 40));
    const Answer whole = client.wait_for_end("whole").answer;

    // Paused: with a credit of one token each computes no further than the window.
    const std::vector<std::string> ids = start_held(client, 4);
    for (const std::string& id : ids) client.cancel(id);
    for (const std::string& id : ids) {
      CHECK(client.wait_for_end(id).answer.finished->reason == FinishReason::kCancelled);
    }
    for (int i = 0; i < 4; ++i) {
      Generate request = endless("stop-" + std::to_string(i), 900);
      request.stop = {whole.text.substr(whole.text.size() / 2, 8)};
      client.generate(request);
      const Answer& answer = client.wait_for_end(request.request_id).answer;
      CHECK(answer.finished->reason == FinishReason::kStop);
      CHECK(answer.text == whole.text.substr(0, whole.text.find(request.stop[0])));
    }
    engine.check_metrics({{of_replica("sluice_router_sequences", 0), 0},
                          {of_replica("sluice_router_sequences", 1), 0},
                          {of_replica("sluice_sequences_running", 0), 0},
                          {of_replica("sluice_sequences_running", 1), 0}});
  }

  TEST_CASE("the engine takes requests while one replica is there, and says what each lacks when none is") {
    TopologyText topology;
    topology.replicas =
        "[[replica]]\n[[replica.stage]]\nlayers = '0-5'\nranks = ['worker-a/cpu:0']\n"
        "[[replica]]\n[[replica.stage]]\nlayers = '0-5'\nranks = ['worker-b/cpu:0']\n";
    EngineUnderTest engine(topology, false);
    auto client = engine.connect();
    const auto serve = [&](const std::string& name) {
      return Program({"worker", "--connect", engine.control(), "--name", name, "--log-level", "warn"});
    };
    Program stranger({"worker", "--connect", engine.control(), "--name", "worker-c", "--log-level", "off"}, true);
    CHECK(stranger.rest().find("no worker named 'worker-c'; it has: worker-a, worker-b") != std::string::npos);

    Program second = serve("worker-b");
    engine.wait_until_ready();
    const Answer answer = generate(client, greedy("one", kPrompt, 16));
    REQUIRE(answer.finished.has_value());
    second.signal(SIGKILL);
    CHECK(engine.program().line_starting("down ")->find("stage 1 (layers 0-5) on worker-b was lost") !=
          std::string::npos);
    const Answer refused = generate(client, greedy("none", kPrompt, 16));
    REQUIRE(refused.error.has_value());
    CHECK(refused.error->code == ErrorCode::kUnavailable);
    CHECK(refused.error->message.find("replica 0: stage 0 (layers 0-5) waits for worker-a; "
                                      "replica 1: stage 1 (layers 0-5) waits for worker-b") != std::string::npos);
    const Program first = serve("worker-a");
    engine.wait_until_ready();
    CHECK(generate(client, greedy("again", kPrompt, 16)).ids == answer.ids);
    engine.program().signal(SIGINT);
    CHECK(engine.program().wait() == 0);
  }

  TEST_CASE("configs/two-replicas.toml: a conversation stays where its beginning has been computed") {
    EngineUnderTest engine(shipped_topology("two-replicas.toml"));
    wait_for_both(engine);
    auto client = engine.connect();
    for (int turn = 0; turn < 4; ++turn) {
      for (int conversation = 0; conversation < 3; ++conversation) {
        std::vector<TokenId> prompt;
        for (TokenId i = 0; i < 64 * (turn + 1) + 1; ++i) prompt.push_back(300 + conversation + (i * 37) % 400);
        Generate request = greedy(std::to_string(conversation) + "-" + std::to_string(turn), prompt, 4);
        const Answer answer = generate(client, request);
        REQUIRE(answer.finished.has_value());
        CHECK(answer.finished->usage.cached_tokens == static_cast<std::uint32_t>(64 * turn));
      }
    }
    const auto decisions = [&](int replica, const std::string& by) {
      return "sluice_router_decisions_total{replica=\"" + std::to_string(replica) + "\",by=\"" + by + "\"}";
    };
    // Both have conversations.
    for (const int replica : {0, 1}) CHECK(sample(engine.metrics(), decisions(replica, "least_loaded")) >= 1);
    engine.check_metrics({{"sluice_router_overruled_total", 0}, {of_replica("sluice_router_sequences", 0), 0}});
  }
}

}  // namespace
}  // namespace sluice::test
