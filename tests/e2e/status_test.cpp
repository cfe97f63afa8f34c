// `sluice status` against a running engine, while its workers come and are killed.
#include <doctest/doctest.h>
#include <signal.h>

#include "pipeline/status/status_json.h"
#include "tests/e2e/conversation.h"

namespace sluice::test {
namespace {

struct Printed {
  int exit_code = -1;
  std::string text;
};

Printed print_status(const EngineUnderTest& engine, const std::vector<std::string>& further = {}) {
  std::vector<std::string> arguments = {"status", "--metrics", engine.metrics_url()};
  arguments.insert(arguments.end(), further.begin(), further.end());
  Program program(arguments);
  Printed printed;
  printed.text = program.rest();
  printed.exit_code = program.wait();
  return printed;
}

// Asks until the engine is as expected (a failure: it does not come to that).
template <class IsExpected>
EngineStatus wait_for_status(const EngineUnderTest& engine, const IsExpected& is_expected) {
  const SteadyClock clock;
  const TimePoint end = clock.now() + kPatience;
  while (true) {
    const Printed printed = print_status(engine, {"--json"});
    const auto status = parse_status_json(printed.text, clock.now());
    CAPTURE(printed.text);
    REQUIRE(status.ok());
    CHECK(printed.exit_code == (status->is_up() ? 0 : 3));
    if (is_expected(*status)) return *status;
    REQUIRE(clock.now() < end);
  }
}

EngineStatus wait_until_up(const EngineUnderTest& engine) {
  return wait_for_status(engine, [](const EngineStatus& status) { return status.is_up(); });
}

// The one rank of a stage.
const RankStatus& rank_of(const EngineStatus& status, std::size_t stage, std::size_t replica = 0) {
  REQUIRE(status.replicas.size() > replica);
  REQUIRE(status.replicas[replica].stages.size() > stage);
  REQUIRE(status.replicas[replica].stages[stage].ranks.size() == 1);
  return status.replicas[replica].stages[stage].ranks[0];
}

TEST_SUITE("e2e/status") {
  TEST_CASE("status: a stage waits for its worker, is up with it, and lacks it again after kill -9") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "worker-a/cpu:0"}};
    topology.metrics_interval_ms = 60'000;  // Changes are told at once.
    EngineUnderTest engine(topology, false);
    const EngineStatus before = wait_for_status(engine, [](const EngineStatus& status) {
      return !status.replicas.empty() && rank_of(status, 0).state == RankState::kReady;
    });
    CHECK(before.model == "storyteller-deepseek");
    CHECK(before.replicas[0].lacks == "stage 1 (layers 3-5) waits for worker-a");
    CHECK(rank_of(before, 0).memory.weights_bytes > 0);
    CHECK(rank_of(before, 0).memory.loaded_bytes == rank_of(before, 0).memory.load_bytes);
    CHECK(rank_of(before, 1).state == RankState::kWaiting);
    CHECK(rank_of(before, 1).worker == "worker-a");

    {
      Program worker = registered_worker(engine, "worker-a");
      const EngineStatus up = wait_until_up(engine);
      CHECK(up.replicas[0].epoch == Epoch{1});
      CHECK(up.replicas[0].lacks == "");
      CHECK(rank_of(up, 1).state == RankState::kUp);
      CHECK(rank_of(up, 1).device == "cpu:0");
      CHECK(rank_of(up, 1).memory.weights_bytes > 0);
      CHECK(rank_of(up, 1).memory.kv_cache_bytes > 0);
      const Printed table = print_status(engine);
      CAPTURE(table.text);
      CHECK(table.exit_code == 0);
      CHECK(table.text.find("\n1      3-5     worker-a/cpu:0  worker-a  up ") != std::string::npos);
      worker.signal(SIGKILL);
    }
    const EngineStatus down = wait_for_status(
        engine, [](const EngineStatus& status) { return rank_of(status, 1).state == RankState::kWaiting; });
    CHECK_FALSE(down.is_up());
    CHECK(down.replicas[0].epoch == Epoch{2});
    CHECK(down.replicas[0].losses == 1);
    CHECK(down.replicas[0].lacks.find("stage 1 (layers 3-5) waits for worker-a") != std::string::npos);
    CHECK(rank_of(down, 1).losses == 1);
    CHECK(rank_of(down, 1).memory == RankMemory{});
    const Program again = registered_worker(engine, "worker-a");
    CHECK(wait_until_up(engine).replicas[0].epoch == Epoch{2});
  }

  TEST_CASE("status: a standby shows until it takes the place of any worker, requests show while they run") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "any/cpu:0"}};
    EngineUnderTest engine(topology, false);
    CHECK(wait_for_status(engine, [](const EngineStatus& status) { return !status.replicas.empty(); })
              .replicas[0]
              .lacks.find("stage 1 (layers 3-5) waits for any worker") != std::string::npos);
    Program one = registered_worker(engine, "one");
    const EngineStatus up = wait_until_up(engine);
    CHECK(up.standbys.empty());
    CHECK(rank_of(up, 1).worker == "one");

    const Program two = registered_worker(engine, "two");
    const std::vector<StandbyStatus> expected = {{"two", {"cpu:0"}}};
    wait_for_status(engine, [&](const EngineStatus& status) { return status.standbys == expected; });
    CHECK(print_status(engine).text.ends_with("\nstandby  devices\ntwo      cpu:0\n"));

    engine.wait_until_ready();
    Conversation client(engine);
    Generate held = greedy("held", "Once upon a time", 900);
    held.ignore_eos = true;
    held.credit_tokens = 1;
    client.generate(held);
    client.wait_for_tokens("held", 1);
    wait_for_status(engine, [](const EngineStatus& status) { return status.takes_requests && status.requests == 1; });

    one.signal(SIGKILL);
    const EngineStatus taken =
        wait_for_status(engine, [](const EngineStatus& status) { return rank_of(status, 1).worker == "two"; });
    CHECK(taken.standbys.empty());
    CHECK(rank_of(taken, 1).losses == 1);
    wait_until_up(engine);
    wait_for_status(engine, [](const EngineStatus& status) { return status.requests == 0; });
  }

  TEST_CASE("status: one of two replicas is up and takes requests, a spawned process comes back by itself") {
    TopologyText topology;
    topology.replicas =
        "[[replica]]\n[[replica.stage]]\nlayers = '0-5'\nranks = ['spawn/cpu:0']\n"
        "[[replica]]\n[[replica.stage]]\nlayers = '0-5'\nranks = ['worker-b/cpu:0']\n";
    EngineUnderTest engine(topology);
    const EngineStatus half = wait_for_status(engine, [](const EngineStatus& status) { return status.takes_requests; });
    CHECK_FALSE(half.is_up());
    CHECK(half.replicas[0].is_up);
    CHECK(half.replicas[1].lacks == "stage 1 (layers 0-5) waits for worker-b");
    CHECK(half.replicas[1].stages[0].stage == 1);

    REQUIRE(kill(only_child_of(engine.program().pid()), SIGKILL) == 0);
    const EngineStatus back = wait_for_status(
        engine, [](const EngineStatus& status) { return status.replicas[0].is_up && rank_of(status, 0).losses > 0; });
    CHECK(back.replicas[0].epoch == Epoch{2});
    CHECK(back.replicas[1].epoch == Epoch{1});
    CHECK(rank_of(back, 0, 1).losses == 0);
  }
}

}  // namespace
}  // namespace sluice::test
