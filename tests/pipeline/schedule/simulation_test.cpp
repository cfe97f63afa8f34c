// 1,000 seeded schedules in ten cases that ctest runs side by side, and once more to count what they met. SLUICE_SEED=n
// replays seed n alone, in every case.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/pipeline/schedule/simulated_load.h"

namespace sluice {
namespace {

constexpr std::uint64_t kSeedsPerCase = 100;

// Names the seed where a check of the scheduler aborts: doctest then prints no INFO.
std::uint64_t seed_in_progress = 0;
void (*abort_before)(int) = SIG_DFL;

void name_seed_and_abort(int signal) {
  std::fprintf(stderr, "replay with SLUICE_SEED=%llu\n", static_cast<unsigned long long>(seed_in_progress));
  std::signal(signal, abort_before);
  std::raise(signal);
}

// What the runs met, so that the cases can show that they test what they are meant to.
struct Met {
  std::uint64_t preempted = 0;
  std::uint64_t cached_tokens = 0;
  Coverage coverage;
};

void add(const Coverage::Counts& counts, Coverage::Counts& sums) {
  for (std::size_t i = 0; i < counts.size(); ++i) sums[i] += counts[i];
}

void simulate(std::uint64_t seed, Met& met) {
  INFO("replay with SLUICE_SEED=" << seed);
  seed_in_progress = seed;
  SimulatedLoad load(seed);
  abort_before = std::signal(SIGABRT, name_seed_and_abort);
  load.run();
  std::signal(SIGABRT, abort_before);
  CHECK_MESSAGE(load.failure().empty(), load.failure());
  met.preempted += load.final_stats().preempted_total;
  met.cached_tokens += load.final_stats().cached_tokens_total;
  add(load.coverage().cancels, met.coverage.cancels);
  add(load.coverage().deadlines, met.coverage.deadlines);
}

void simulate_seeds(std::uint64_t first) {
  Met met;
  if (const char* replayed = std::getenv("SLUICE_SEED")) {
    simulate(std::strtoull(replayed, nullptr, 10), met);
    return;
  }
  for (std::uint64_t seed = first; seed < first + kSeedsPerCase; ++seed) simulate(seed, met);
  CHECK(met.preempted > kSeedsPerCase / 4);
  CHECK(met.cached_tokens > kSeedsPerCase);
}

TEST_SUITE("pipeline/schedule/simulation") {
  TEST_CASE("seeds 1 to 100 keep every invariant") {
    simulate_seeds(1);
  }
  TEST_CASE("seeds 101 to 200 keep every invariant") {
    simulate_seeds(101);
  }
  TEST_CASE("seeds 201 to 300 keep every invariant") {
    simulate_seeds(201);
  }
  TEST_CASE("seeds 301 to 400 keep every invariant") {
    simulate_seeds(301);
  }
  TEST_CASE("seeds 401 to 500 keep every invariant") {
    simulate_seeds(401);
  }
  TEST_CASE("seeds 501 to 600 keep every invariant") {
    simulate_seeds(501);
  }
  TEST_CASE("seeds 601 to 700 keep every invariant") {
    simulate_seeds(601);
  }
  TEST_CASE("seeds 701 to 800 keep every invariant") {
    simulate_seeds(701);
  }
  TEST_CASE("seeds 801 to 900 keep every invariant") {
    simulate_seeds(801);
  }
  TEST_CASE("seeds 901 to 1000 keep every invariant") {
    simulate_seeds(901);
  }
  TEST_CASE("cancels and deadlines meet sequences in every phase") {
    if (std::getenv("SLUICE_SEED") != nullptr) return;
    Met met;
    for (std::uint64_t seed = 1; seed <= 10 * kSeedsPerCase; ++seed) simulate(seed, met);
    for (std::size_t i = 0; i < kMetInNames.size(); ++i) {
      INFO(std::string(kMetInNames[i]));
      CHECK(met.coverage.cancels[i] > 20);
      CHECK(met.coverage.deadlines[i] > 10);
    }
  }
}

}  // namespace
}  // namespace sluice
