// Nine tenants of nine priorities ask for twice of what the pipeline gives, under a manual clock.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/random.h"
#include "pipeline/schedule/scheduler.h"
#include "tests/pipeline/schedule/fake_pipeline.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kTenants = 9;
constexpr int kOverloadMs = 600;

struct Request {
  std::uint32_t tenant = 0;
  std::int32_t priority = 0;
  TimePoint started_at;
  TimePoint due_at;  // By the rule in the documentation, not by the scheduler.
  std::optional<TimePoint> opened_at;
  std::optional<TimePoint> ended_at;
};

SchedulerConfig overloaded_config(std::uint32_t ageing_ms) {
  SchedulerConfig config;
  config.max_batch_tokens = 16;
  config.max_sequences = 4;
  config.max_waiting = 1000;
  config.block_tokens = 4;
  config.num_blocks = 16;
  config.pipeline_depth = 2;
  config.context_tokens = 40;
  config.vocab_size = 500;
  config.ageing_ms = ageing_ms;
  return config;
}

struct NineTenants {
  NineTenants(std::uint64_t seed, std::uint32_t ageing_ms)
      : random(seed), config(overloaded_config(ageing_ms)), scheduler(config, Epoch{1}), pipeline(config) {}

  void arrive() {
    const SequenceId id{requests.size() + 1};
    Request request;
    request.tenant = static_cast<std::uint32_t>(random.below(kTenants));
    request.priority = 2 * static_cast<std::int32_t>(request.tenant) - 8;
    request.started_at = clock.now();
    request.due_at = clock.now() - request.priority * std::chrono::milliseconds(config.ageing_ms);
    SequenceStart start;
    start.sequence = id;
    for (int i = 0; i < 6; ++i) start.prompt_ids.push_back(static_cast<TokenId>(random.below(config.vocab_size)));
    start.spec.max_tokens = 6;
    start.spec.priority = request.priority;
    start.spec.tenant = std::to_string(request.tenant);
    pipeline.declare(id, start.spec.tenant);
    requests.emplace(id, request);
    waiting.insert(id);
    REQUIRE(scheduler.start(std::move(start), clock.now()).ok());
  }

  // Whoever is opened first is due before all who wait for their first step: this is what "no inversion" means.
  void check_order(const StageBatch& batch) {
    for (const SequenceOpening& opening : batch.opened) waiting.erase(opening.sequence);
    for (const SequenceOpening& opening : batch.opened) {
      Request& request = requests.at(opening.sequence);
      if (request.opened_at) continue;
      request.opened_at = clock.now();
      for (const SequenceId id : waiting) {
        const Request& other = requests.at(id);
        if (std::pair(other.due_at, id) < std::pair(request.due_at, opening.sequence)) ++inversions;
        if (other.priority > request.priority) ++overtaken_by_age;
      }
    }
  }

  void step() {
    clock.advance(1ms);
    if (pipeline.in_flight() > 0) REQUIRE(scheduler.complete(pipeline.run_next(), clock.now()).ok());
    while (auto batch = scheduler.plan(clock.now())) {
      check_order(*batch);
      pipeline.send(std::move(*batch));
    }
    scheduler.check_invariants();
    for (const SchedulerOutput& output : scheduler.take_outputs()) {
      if (const auto* end = std::get_if<StreamEnd>(&output)) requests.at(end->sequence).ended_at = clock.now();
    }
  }

  void run() {
    for (int i = 0; i < kOverloadMs; ++i) {
      arrive();
      step();
    }
    for (const auto& [id, request] : requests) {
      const bool is_early_and_low = request.tenant == 0 && request.started_at < TimePoint{100ms};
      if (is_early_and_low && !request.ended_at) ++starved;
      if (is_early_and_low) ++low_and_early;
    }
    waiting_at_peak = scheduler.stats().waiting;
    for (int i = 0; i < 20 * kOverloadMs && !scheduler.is_idle(); ++i) step();
  }

  SplitMix64 random;
  SchedulerConfig config;
  Scheduler scheduler;
  FakePipeline pipeline;
  ManualClock clock;
  std::map<SequenceId, Request> requests;
  std::set<SequenceId> waiting;  // Without those that were preempted.
  int inversions = 0;
  int overtaken_by_age = 0;
  int low_and_early = 0;
  int starved = 0;  // Of these, without an end when the overload ends.
  std::uint32_t waiting_at_peak = 0;
};

TEST_SUITE("pipeline/schedule/ageing_simulation") {
  TEST_CASE("nine tenants of nine priorities: no inversion, and under ageing nobody starves") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(seed);
      NineTenants load(seed, 10);
      load.run();
      CHECK_MESSAGE(load.pipeline.failure().empty(), load.pipeline.failure());
      CHECK(load.scheduler.is_idle());
      CHECK(load.waiting_at_peak > 100);
      CHECK(load.inversions == 0);
      CHECK(load.overtaken_by_age > 100);
      CHECK(load.low_and_early > 3);
      CHECK(load.starved == 0);
    }
  }

  TEST_CASE("nine tenants of nine priorities: with ageing out of reach the lowest starve until the load ends") {
    NineTenants load(1, 3'600'000);
    load.run();
    CHECK_MESSAGE(load.pipeline.failure().empty(), load.pipeline.failure());
    CHECK(load.scheduler.is_idle());
    CHECK(load.inversions == 0);
    CHECK(load.overtaken_by_age == 0);
    CHECK(load.starved > load.low_and_early / 2);
  }
}

}  // namespace
}  // namespace sluice
