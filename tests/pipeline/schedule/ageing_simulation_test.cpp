// Nine tenants of nine priorities ask for twice of what the pipeline gives, under a manual clock: on several stages,
// with few blocks, and with clients that do not read for a while.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/random.h"
#include "pipeline/schedule/scheduler.h"
#include "tests/pipeline/schedule/fake_model.h"
#include "tests/pipeline/schedule/fake_pipeline.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kTenants = 9;
constexpr int kOverloadMs = 600;
constexpr std::uint32_t kNoAgeingMs = 3'600'000;

struct Request {
  std::uint32_t tenant = 0;
  std::int32_t priority = 0;
  TimePoint started_at;
  TimePoint due_at;             // By the rule in the documentation, not by the scheduler.
  std::uint32_t parked_ms = 0;  // After its first token.
  std::optional<TimePoint> opened_at;
  std::optional<TimePoint> ended_at;
};

struct LoadOptions {
  std::uint64_t seed = 1;
  std::uint32_t ageing_ms = 10;
  std::uint32_t pipeline_depth = 2;
  std::uint32_t max_sequences = 4;
  std::uint32_t num_blocks = 16;  // A sequence needs up to three.
  std::uint32_t ms_per_arrival = 1;
  bool is_parking = false;
  std::uint32_t lowest_tenant = 0;  // Those below do not come.
};

SchedulerConfig overloaded_config(const LoadOptions& options) {
  SchedulerConfig config;
  config.max_batch_tokens = 16;
  config.max_sequences = options.max_sequences;
  config.max_waiting = 1000;
  config.block_tokens = 4;
  config.num_blocks = options.num_blocks;
  config.pipeline_depth = options.pipeline_depth;
  config.context_tokens = 40;
  config.vocab_size = 500;
  config.ageing_ms = options.ageing_ms;
  return config;
}

struct NineTenants {
  explicit NineTenants(const LoadOptions& load)
      : options(load),
        random(load.seed),
        config(overloaded_config(load)),
        scheduler(config, Epoch{1}),
        pipeline(config) {}

  void arrive() {
    const SequenceId id{++last_id};
    Request request;
    request.tenant = static_cast<std::uint32_t>(random.below(kTenants));
    request.priority = 2 * static_cast<std::int32_t>(request.tenant) - 8;
    request.started_at = clock.now();
    request.due_at = clock.now() - request.priority * std::chrono::milliseconds(config.ageing_ms);
    SequenceStart start;
    start.sequence = id;
    for (int i = 0; i < 6; ++i) start.prompt_ids.push_back(static_cast<TokenId>(random.below(config.vocab_size)));
    if (random.below(8) == 0) request.parked_ms = static_cast<std::uint32_t>(10 + random.below(60));
    if (request.tenant < options.lowest_tenant) return;
    start.spec.max_tokens = 6;
    start.spec.priority = request.priority;
    start.spec.tenant = std::to_string(request.tenant);
    pipeline.declare(id, start.spec.tenant);
    expected.emplace(id, fake_model::generate_alone(start, config).output);
    requests.emplace(id, request);
    waiting.insert(id);
    REQUIRE(scheduler.start(std::move(start), clock.now()).ok());
  }

  // Whoever is opened first is due before all who wait for their first step: this is what "no inversion" means.
  void check_order(const StageBatch& batch) {
    for (const SequenceOpening& opening : batch.opened) waiting.erase(opening.sequence);
    for (const SequenceOpening& opening : batch.opened) {
      Request& request = requests.at(opening.sequence);
      if (request.opened_at) {
        if (request.tenant == kTenants - 1) ++highest_preempted;
        continue;
      }
      request.opened_at = clock.now();
      for (const SequenceId id : waiting) {
        const Request& other = requests.at(id);
        if (std::pair(other.due_at, id) < std::pair(request.due_at, opening.sequence)) ++inversions;
        if (other.priority > request.priority) ++overtaken_by_age;
      }
    }
  }

  void read_outputs() {
    for (const SchedulerOutput& output : scheduler.take_outputs()) {
      if (const auto* end = std::get_if<StreamEnd>(&output)) {
        requests.at(end->sequence).ended_at = clock.now();
        CHECK(std::holds_alternative<FinishReason>(end->outcome));
        CHECK(received[end->sequence] == expected.at(end->sequence));
        continue;
      }
      const auto& tokens = std::get<StreamTokens>(output);
      std::vector<TokenId>& all = received[tokens.sequence];
      all.insert(all.end(), tokens.token_ids.begin(), tokens.token_ids.end());
      const std::uint32_t parked_ms = requests.at(tokens.sequence).parked_ms;
      if (!options.is_parking || parked_ms == 0 || tokens.first_index > 0) continue;
      scheduler.pause({tokens.sequence, true});
      parked.emplace(clock.now() + std::chrono::milliseconds(parked_ms), tokens.sequence);
      ++parked_total;
    }
  }

  void step() {
    clock.advance(1ms);
    for (; !parked.empty() && parked.begin()->first <= clock.now(); parked.erase(parked.begin()))
      scheduler.pause({parked.begin()->second, false});
    if (pipeline.in_flight() > 0) REQUIRE(scheduler.complete(pipeline.run_next(), clock.now()).ok());
    read_outputs();
    while (auto batch = scheduler.plan(clock.now())) {
      check_order(*batch);
      pipeline.send(std::move(*batch));
    }
    scheduler.check_invariants();
    read_outputs();
  }

  void run() {
    for (int i = 0; i < kOverloadMs; ++i) {
      if (i % static_cast<int>(options.ms_per_arrival) == 0) arrive();
      step();
    }
    for (const auto& [id, request] : requests) {
      const bool is_early_and_low = request.tenant == 0 && request.started_at < TimePoint{100ms};
      if (is_early_and_low && !request.ended_at) ++starved;
      if (is_early_and_low) ++low_and_early;
    }
    waiting_at_peak = scheduler.stats().waiting;
    for (int i = 0; i < 20 * kOverloadMs && !scheduler.is_idle(); ++i) step();
    CHECK_MESSAGE(pipeline.failure().empty(), pipeline.failure());
    CHECK(scheduler.is_idle());
    for (const auto& [id, request] : requests) CHECK(request.ended_at.has_value());
  }

  LoadOptions options;
  SplitMix64 random;
  SchedulerConfig config;
  Scheduler scheduler;
  FakePipeline pipeline;
  ManualClock clock;
  std::uint64_t last_id = 0;
  std::map<SequenceId, Request> requests;
  std::map<SequenceId, std::vector<TokenId>> expected;
  std::map<SequenceId, std::vector<TokenId>> received;
  std::set<SequenceId> waiting;  // Without those that were preempted.
  std::set<std::pair<TimePoint, SequenceId>> parked;
  int parked_total = 0;
  int inversions = 0;
  int overtaken_by_age = 0;
  int low_and_early = 0;
  int highest_preempted = 0;
  int starved = 0;  // Of the low and early, without an end when the overload ends.
  std::uint32_t waiting_at_peak = 0;
};

TEST_SUITE("pipeline/schedule/ageing_simulation") {
  TEST_CASE("nine tenants of nine priorities: no inversion, and under ageing nobody starves") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(seed);
      NineTenants load({.seed = seed});
      load.run();
      CHECK(load.waiting_at_peak > 100);
      CHECK(load.inversions == 0);
      CHECK(load.overtaken_by_age > 100);
      CHECK(load.low_and_early > 3);
      CHECK(load.starved == 0);
    }
  }

  TEST_CASE("nine tenants on up to four stages, short of blocks and partly parked: no inversion, nobody starves") {
    for (std::uint32_t depth = 1; depth <= 4; ++depth) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        CAPTURE(depth);
        CAPTURE(seed);
        NineTenants load({.seed = seed,
                          .pipeline_depth = depth,
                          .max_sequences = 2 * depth,
                          .num_blocks = 4 * depth + 1,
                          .ms_per_arrival = 2,
                          .is_parking = true});
        load.run();
        CHECK(load.scheduler.stats().preempted_total > 30);
        CHECK(load.parked_total > 20);
        CHECK(load.inversions == 0);
        CHECK(load.overtaken_by_age > 100);
        CHECK(load.low_and_early > 3);
        CHECK(load.starved == 0);
      }
    }
  }

  TEST_CASE("nine tenants of nine priorities: with ageing out of reach the lowest starve until the load ends") {
    NineTenants load({.ageing_ms = kNoAgeingMs});
    load.run();
    CHECK(load.inversions == 0);
    CHECK(load.overtaken_by_age == 0);
    CHECK(load.starved > load.low_and_early / 2);
  }

  // The same requests of the highest tenant once with all others beside them and once without. It alone never fills the
  // places, the others always do: it preempts them, waits for their last step in flight at most, and stays itself.
  TEST_CASE("nine tenants, strict priorities: the highest waits for one trip of the pipeline at most") {
    for (std::uint32_t depth = 1; depth <= 4; ++depth) {
      Duration longest_wait{0};
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(depth);
        CAPTURE(seed);
        LoadOptions options{.seed = seed, .ageing_ms = kNoAgeingMs, .pipeline_depth = depth};
        options.max_sequences = 4 * depth;
        options.num_blocks = 3 * options.max_sequences;
        NineTenants among_others(options);
        among_others.run();
        options.lowest_tenant = kTenants - 1;
        NineTenants alone(options);
        alone.run();
        CHECK(alone.requests.size() > 40);
        CHECK(alone.scheduler.stats().preempted_total == 0);
        CHECK(among_others.scheduler.stats().preempted_total > 20);
        CHECK(among_others.highest_preempted == 0);
        for (const auto& [id, request] : alone.requests) {
          const Request& other = among_others.requests.at(id);
          CHECK(request.opened_at == request.started_at + 1ms);
          longest_wait = std::max(longest_wait, *other.opened_at - *request.opened_at);
        }
      }
      CHECK(longest_wait > Duration{0});
      CHECK(longest_wait <= depth * 1ms);
    }
  }
}

}  // namespace
}  // namespace sluice
