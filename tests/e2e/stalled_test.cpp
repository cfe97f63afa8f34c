// 200 clients that never read, beside normal ones: these get their tokens, memory is bounded, and when the 200 are gone
// nothing of them is left.
#include <doctest/doctest.h>

#include <deque>

#include "base/clock.h"
#include "load/stalled_clients.h"
#include "tests/e2e/engine_state.h"
#include "tests/e2e/raw_client.h"

namespace sluice::test {
namespace {

using load::StalledClients;

constexpr std::uint32_t kPatient = 198;  // Grant the window alone, and wait.
constexpr std::uint32_t kGreedy = 2;     // Grant everything, and want it again and again.
constexpr int kWishes = 12;              // Of a greedy one at a time.
constexpr int kWishesMax = 12'000;       // Far more than any network and queue hold the answers of.

Generate greedy_request(int number) {
  Generate request = greedy("greedy-" + std::to_string(number), std::vector<TokenId>(16, 1), 300);
  request.ignore_eos = true;
  request.credit_tokens = 1'000'000;
  request.logprobs = {.output = true, .top = 20};
  return request;
}

double num_asked(const MetricSamples& samples) {
  return sample(samples, "sluice_requests_accepted_total") + sample(samples, "sluice_requests_retried_total");
}

// Until what it does not read has filled the network and the engine's queue for it. It asks again when all that it
// asked for is on its way: an attachment that is replaced before that takes its answers along, and faster ones than the
// engine answers would fill no queue at all.
void fill(const EngineUnderTest& engine, RawClient& client) {
  const SteadyClock clock;
  MetricSamples samples = engine.metrics();
  const double before_cut = sample(samples, "sluice_ingress_clients_cut_total");
  const double before_asked = num_asked(samples);
  for (int asked = kWishes; sample(samples, "sluice_ingress_clients_cut_total") == before_cut; asked += kWishes) {
    REQUIRE(asked <= kWishesMax);
    for (int i = 0; i < kWishes; ++i) client.send(greedy_request(i));
    const auto is_waiting = [&] {
      return sample(samples, "sluice_ingress_clients_cut_total") == before_cut &&
             (num_asked(samples) < before_asked + asked || sample(samples, "sluice_ingress_attachments") > kPatient);
    };
    const TimePoint until = clock.now() + kPatience;  // For this round of answers.
    do {
      REQUIRE(clock.now() < until);
      samples = engine.metrics();
    } while (is_waiting());
  }
}

Generate normal_request(int number) {
  Generate request = greedy("normal-" + std::to_string(number), std::vector<TokenId>(1 + number * 3 % 90, 5), 60);
  request.seed = static_cast<std::uint64_t>(number);
  request.sampling->temperature = 0.8f;
  request.credit_tokens = 7;
  return request;
}

std::vector<Answer> normal_answers(const EngineUnderTest& engine, const std::string& suffix) {
  auto client = engine.connect();
  std::vector<Answer> answers;
  for (int i = 0; i < 20; ++i) {
    Generate request = normal_request(i);
    request.request_id += suffix;
    answers.push_back(generate(client, request));
    REQUIRE(answers.back().finished.has_value());
  }
  return answers;
}

void check_same_tokens(const std::vector<Answer>& answers, const std::vector<Answer>& alone) {
  REQUIRE(answers.size() == alone.size());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    CAPTURE(i);
    CHECK(answers[i].ids == alone[i].ids);
    CHECK(answers[i].text == alone[i].text);
  }
}

TEST_SUITE("e2e/stalled") {
  TEST_CASE("200 clients that never read change no token of others, take bounded memory, and leave nothing behind") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    topology.weights = "mock";
    topology.max_requests = 300;
    topology.link_window_messages = 512;  // The patient ask at once, and none is refused: half of it is always there.
    topology.max_sequences = 32;
    topology.client_window_tokens = 32;
    topology.kv_cache = "3MiB";  // Of some of them at a time: the others' requests are preempted, not only set aside.
    topology.finished_keep_ms = 3000;
    topology.session_idle_ms = 500;
    EngineUnderTest engine(topology);
    const std::vector<pid_t> processes = processes_of(engine);
    const std::vector<Answer> alone = normal_answers(engine, "-alone");
    check_idle(engine);
    const auto descriptors = descriptors_of(engine, processes);
    const std::uint64_t before_bytes = resident_bytes(processes);
    {
      const transport::Context context = transport::Context::create().value();
      const auto stalled = StalledClients::open(context, engine.ingress(), kPatient, kPatience);
      REQUIRE(stalled.ok());
      std::deque<RawClient> greedy_clients;
      for (std::uint32_t i = 0; i < kGreedy; ++i) greedy_clients.emplace_back(engine.ingress()).send(Hello{});
      // Beside them while they are still computed for, and once all of them stall.
      check_same_tokens(normal_answers(engine, "-early"), alone);
      for (RawClient& client : greedy_clients) fill(engine, client);
      check_same_tokens(normal_answers(engine, "-late"), alone);
      engine.check_metrics({{"sluice_streams_running", kPatient},
                            {"sluice_streams_paused", kPatient},
                            {"sluice_requests_running", kPatient}});
      CHECK(sample(engine.metrics(), "sluice_preemptions_total") > 0);
      CHECK(sample(engine.metrics(), "sluice_ingress_clients_cut_total") >= kGreedy);
      // The window of each patient one, a queue of 1,024 messages of at most some 10 KiB for each greedy one, and as
      // much again for what the allocator does not give back.
      if (kIsMemoryOurs) CHECK(resident_bytes(processes) < before_bytes + (64u << 20));
    }
    check_idle(engine);
    check_descriptors(engine, descriptors);
    CHECK(normal_answers(engine, "-after").size() == alone.size());
  }
}

}  // namespace
}  // namespace sluice::test
