// Recordings of a running engine: 500 mixed requests give the same on every shipped topology, attachments and vanished
// clients are replayed, a difference is shown, and neither a full disk nor kill -9 costs more than it must.
#include <doctest/doctest.h>
#include <signal.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "tests/e2e/conversation.h"
#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

using nlohmann::json;

// Sanitizers make an engine some ten times slower.
#ifdef __SANITIZE_ADDRESS__
constexpr int kMixed = 50;
#else
constexpr int kMixed = 500;
#endif

enum class Kind { kGreedy, kSampled, kCancelled, kStopped, kLate };

struct Mixed {
  Kind kind = Kind::kGreedy;
  Generate request;
};

// Request `number` of the mix.
Mixed mixed(std::uint64_t number) {
  static const std::vector<std::string> kPrompts = {"Once upon a time", "There was a king who", "The fox said",
                                                    "In a dark forest", "A poor man had three sons and"};
  SplitMix64 random(number);
  Mixed mixed;
  mixed.kind = static_cast<Kind>(number % 5);
  Generate& request = mixed.request;
  request = greedy("r" + std::to_string(number),
                   kPrompts[random.below(kPrompts.size())] + " " + std::to_string(random.below(20)), 8);
  request.max_tokens = static_cast<std::uint32_t>(8 + random.below(24));
  request.logprobs = {
      .output = true, .top = static_cast<std::uint32_t>(random.below(4)), .prompt = number % 3 == 0, .digest = true};
  if (mixed.kind == Kind::kSampled) {
    request.sampling = SamplingParams{.temperature = 0.9f, .top_k = 40, .top_p = 0.95f};
    request.seed.reset();
  }
  if (mixed.kind == Kind::kCancelled) request.max_tokens = 400;
  if (mixed.kind == Kind::kStopped) {
    request.stop = {" the", "."};
    request.max_tokens = 60;
  }
  if (mixed.kind == Kind::kLate) {
    request.max_tokens = 600;
    request.deadline_ms = static_cast<std::uint32_t>(20 + random.below(100));
  }
  return mixed;
}

// Runs so many requests of the mix, a few at a time, over three connections; how many ended by each reason, and how
// many messages that took beside three of Hello.
std::map<std::string, int> run_mix(const EngineUnderTest& engine, std::uint64_t count) {
  std::vector<transport::Client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(engine.connect());
  std::map<std::string, Kind> running;
  std::map<std::string, int> ends;
  const SteadyClock clock;
  for (std::uint64_t next = 0; next < count || !running.empty();) {
    for (; next < count && running.size() < 12; ++next) {
      const Mixed one = mixed(next);
      running[one.request.request_id] = one.kind;
      REQUIRE(clients[next % clients.size()].send(one.request).ok());
      ++ends["messages sent"];
    }
    transport::Poller poller;
    for (const transport::Client& client : clients) client.watch(poller);
    poller.wait(clock, clock.now() + kPatience);
    for (transport::Client& client : clients) {
      for (;;) {
        const auto received = client.receive(Duration::zero());
        REQUIRE(received.ok());
        if (!received->has_value()) break;
        const ServerMessage& message = **received;
        if (const auto* tokens = std::get_if<Tokens>(&message)) {
          const bool is_enough = tokens->first_index + tokens->token_ids.size() > 5;
          if (is_enough && running.at(tokens->request_id) == Kind::kCancelled) {
            REQUIRE(client.cancel(tokens->request_id).ok());
            ++ends["messages sent"];
          }
        } else if (const auto* finished = std::get_if<Finished>(&message)) {
          REQUIRE(running.erase(finished->request_id) == 1);
          ++ends[std::string(to_string(finished->reason))];
        } else if (const auto* failed = std::get_if<Failed>(&message)) {
          REQUIRE(running.erase(failed->request_id) == 1);
          ++ends[std::string(to_string(failed->error.code))];
        }
      }
    }
  }
  return ends;
}

// Ends an engine in the way that closes its recording.
void stop(EngineUnderTest& engine) {
  engine.program().signal(SIGTERM);
  CHECK(engine.program().wait() == 0);
}

json inspect(const std::string& path) {
  Program program({"inspect", path, "--json"});
  const json summary = json::parse(program.rest(), nullptr, false);
  CHECK(program.wait() == 0);
  REQUIRE(summary.is_object());
  return summary;
}

struct Replay {
  int exit_code = -1;
  json report;
};

Replay replay(const std::string& path, const EngineUnderTest& engine, std::vector<std::string> flags) {
  std::vector<std::string> arguments = {"replay", path, "--to", engine.ingress(), "--json"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Program program(arguments);
  Replay result;
  result.report = json::parse(program.rest(), nullptr, false);
  result.exit_code = program.wait();
  REQUIRE(result.report.is_object());
  return result;
}

void check_proof(const Replay& replay) {
  CAPTURE(replay.report.dump());
  CHECK(replay.exit_code == 0);
  CHECK(replay.report["verify"]["different"] == 0);
  CHECK(replay.report["timed_out"] == false);
  CHECK(replay.report["unsent"] == 0);
}

TEST_SUITE("e2e/record") {
  TEST_CASE("record: 500 mixed requests of one topology replay on all others without a difference") {
    const TemporaryFolder folder;
    const std::string path = folder.path() / "mix.rec";
    std::map<std::string, int> ends;
    {
      TopologyText topology = shipped_topology("one-process.toml", "f32");
      topology.as_written += "[record]\npath = \"" + path + "\"\n";
      EngineUnderTest engine(topology);
      ends = run_mix(engine, kMixed);
      engine.check_metrics({{"sluice_recording_up", 1},
                            {"sluice_recording_dropped_total{full=\"queue\"}", 0},
                            {"sluice_recording_dropped_total{full=\"file\"}", 0}});
      stop(engine);
    }
    CHECK(ends["cancelled"] > kMixed / 20);
    CHECK(ends["stop"] > kMixed / 20);
    CHECK(ends["length"] > kMixed / 5);
    CHECK(ends["deadline"] + ends["deadline_exceeded"] + ends["overloaded"] > kMixed / 25);
    const json summary = inspect(path);
    CHECK(summary["closed"] == true);
    CHECK(summary["ingress"]["generate"] == kMixed);
    CHECK(summary["gaps"]["count"] == 0);
    CHECK(summary["without_end"] == 0);
    CHECK(summary["outcomes"]["length"] == ends["length"]);
    for (const std::string name :
         {"two-stages.toml", "two-processes.toml", "three-processes-ipc.toml", "three-processes-tcp.toml",
          "two-replicas.toml", "tensor-parallel.toml", "two-by-two.toml"}) {
      CAPTURE(name);
      const TopologyText topology = shipped_topology(name, "f32");
      EngineUnderTest engine(topology);
      std::vector<std::string> flags = {"--speed", "max", "--verify"};
      if (is_tensor_parallel(topology)) flags.insert(flags.end(), {"--logprob-tolerance", "1e-4"});
      const Replay replayed = replay(path, engine, flags);
      check_proof(replayed);
      const json& verify = replayed.report["verify"];
      CHECK(verify["equal"] >= ends["length"] + ends["stop"] - kMixed / 5);  // Deadlines may come earlier.
      CHECK(verify["not_compared"] <= ends["overloaded"]);
      const auto equal_so_far = verify["equal_so_far"].get<int>();
      CHECK(verify["equal"].get<int>() + equal_so_far + verify["not_compared"].get<int>() == kMixed);
    }
  }

  TEST_CASE("record: sessions, attachments, repetitions and vanished clients are replayed, at the recorded times too") {
    const TemporaryFolder folder;
    const std::string path = folder.path() / "attach.rec";
    TopologyText topology;
    topology.record_path = path;
    topology.client_window_tokens = 8;
    {
      EngineUnderTest engine(topology);
      Conversation first(engine);
      Generate request = greedy("a", "Once upon a time", 40);
      request.ignore_eos = true;
      request.resume_grace_ms = 30'000;
      request.seed.reset();
      first.generate(request);
      first.wait_for_tokens("a", 8);
      first.close();
      Conversation second(engine, first.welcome().session);
      second.attach({first.welcome().session, "a", 4, 12});
      second.wait_for_tokens("a", 8);
      second.credit("a", 100);
      second.wait_for_end("a");
      second.retry(request);
      second.credit("a", 100);
      second.wait_for_end("a");
      Conversation third(engine);
      third.attach({third.welcome().session, "none", 0, 0});
      CHECK(third.wait_for_answer("none").answer.error->code == ErrorCode::kNotFound);
      third.generate(greedy("gone", "The fox said", 200));
      third.wait_for_tokens("gone", 3);
      third.close();
      engine.check_metrics({{"sluice_requests_running", 0}});
      stop(engine);
    }
    topology.record_path.clear();
    topology.client_window_tokens = 16;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "head/cpu:0"}};
    EngineUnderTest engine(topology);
    for (const std::string speed : {"max", "1"}) {
      const Replay replayed = replay(path, engine, {"--speed", speed, "--verify"});
      check_proof(replayed);
      CHECK(replayed.report["verify"]["equal"] == 2);         // The attachment, the repetition.
      CHECK(replayed.report["verify"]["equal_so_far"] == 2);  // Those whose client went away.
      CHECK(replayed.report["verify"]["not_compared"] == 1);
    }
  }

  TEST_CASE("record: a difference is shown, and makes exit code 1, without --verify it is load alone") {
    const TemporaryFolder folder;
    const std::string path = folder.path() / "a.rec";
    TopologyText topology;
    topology.model = model_path("storyteller-llama").string();
    topology.record_path = path;
    {
      EngineUnderTest engine(topology);
      run_mix(engine, 10);
      stop(engine);
    }
    topology.record_path.clear();
    topology.compute = "bf16";
    EngineUnderTest engine(topology);
    const Replay replayed = replay(path, engine, {"--speed", "max", "--verify"});
    CHECK(replayed.exit_code == 1);
    CHECK(replayed.report["verify"]["different"] > 0);
    const auto difference = replayed.report["verify"]["first_difference"].get<std::string>();
    CAPTURE(difference);
    CHECK(difference.starts_with("connection "));
    CHECK(difference.find(": log-probability of token 0 is ") != std::string::npos);
    const Replay plain = replay(path, engine, {"--speed", "100"});
    CHECK(plain.exit_code == 0);
    CHECK(plain.report["requests"] == 10);
    CHECK_FALSE(plain.report.contains("verify"));
  }

  TEST_CASE("record: a disk that is full does not stop serving, the log and the metrics tell") {
    TopologyText topology;
    topology.record_path = "/dev/full";
    EngineUnderTest engine(topology);
    auto client = engine.connect();
    for (int i = 0; i < 20; ++i) {
      const Answer answer = generate(client, greedy(std::to_string(i), "Once upon a time", 4));
      REQUIRE(answer.finished.has_value());
    }
    engine.check_metrics({{"sluice_recording_up", 0}, {"sluice_recording_bytes", 0}});
    // Two for each Hello and request, and a Tokens message at least, and the end of each.
    const auto dropped = [&] { return sample(engine.metrics(), "sluice_recording_dropped_total{full=\"file\"}"); };
    const SteadyClock clock;
    for (const TimePoint end = clock.now() + kPatience; dropped() < 2 + 20 * 4 && clock.now() < end;) {
    }
    CHECK(dropped() >= 2 + 20 * 4);
    CHECK(sample(engine.metrics(), "sluice_up") == 1);
    stop(engine);
  }

  TEST_CASE("record: an engine that is killed leaves a recording that reads, and replays") {
    const TemporaryFolder folder;
    const std::string path = folder.path() / "a.rec";
    TopologyText topology;
    topology.record_path = path;
    {
      EngineUnderTest engine(topology);
      const int sent = run_mix(engine, 20)["messages sent"];
      engine.check_metrics({{"sluice_recording_messages_total{link=\"ingress\"}", 3 + sent}});
      engine.program().signal(SIGKILL);
      CHECK(engine.program().wait() == 128 + SIGKILL);
    }
    const json summary = inspect(path);
    CHECK(summary["closed"] == false);
    CHECK(summary["ingress"]["generate"] == 20);
    CHECK(summary["damage"]["places"] == 0);
    // As if the machine had died in the middle of a write.
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
    CHECK(inspect(path)["torn_tail"]["bytes"] > 0);
    topology.record_path.clear();
    EngineUnderTest engine(topology);
    check_proof(replay(path, engine, {"--speed", "max", "--verify"}));
  }
}

}  // namespace
}  // namespace sluice::test
