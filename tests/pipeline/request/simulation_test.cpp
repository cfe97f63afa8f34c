#include "tests/pipeline/request/simulation.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

namespace sluice::test {
namespace {

// Each is reached by every hundred schedules, or the schedules no longer test what they are for.
void check_coverage(const SimulatedCoverage& total) {
  CHECK(total.finished_complete > 0);
  CHECK(total.finished_by_match > 0);
  CHECK(total.cancelled > 0);
  CHECK(total.dismissed > 0);
  CHECK(total.stage_lost > 0);
  CHECK(total.vanished > 0);
  CHECK(total.conflicts > 0);
  CHECK(total.overloaded > 0);
  CHECK(total.overloaded_tokens > 0);
  CHECK(total.overloaded_wait > 0);
  CHECK(total.overloaded_held_up > 0);
  CHECK(total.unavailable > 0);
  CHECK(total.retried > 0);
  CHECK(total.same_terminal > 0);
  CHECK(total.early > 0);
  CHECK(total.paused > 0);
  CHECK(total.strays > 0);
  CHECK(total.overrun_tokens > 0);
}

void add(SimulatedCoverage& total, const SimulatedCoverage& one) {
  total.finished_complete += one.finished_complete;
  total.finished_by_match += one.finished_by_match;
  total.cancelled += one.cancelled;
  total.dismissed += one.dismissed;
  total.stage_lost += one.stage_lost;
  total.vanished += one.vanished;
  total.conflicts += one.conflicts;
  total.overloaded += one.overloaded;
  total.overloaded_tokens += one.overloaded_tokens;
  total.overloaded_wait += one.overloaded_wait;
  total.overloaded_held_up += one.overloaded_held_up;
  total.unavailable += one.unavailable;
  total.retried += one.retried;
  total.same_terminal += one.same_terminal;
  total.early += one.early;
  total.paused += one.paused;
  total.strays += one.strays;
  total.overrun_tokens += one.overrun_tokens;
}

// SLUICE_SEED=N replays one schedule in place of each hundred.
void run_hundred(std::uint64_t first_seed) {
  const char* replay = std::getenv("SLUICE_SEED");
  if (replay != nullptr) first_seed = std::strtoull(replay, nullptr, 10);
  const std::uint64_t end = first_seed + (replay != nullptr ? 1 : 100);
  SimulatedCoverage total;
  for (std::uint64_t seed = first_seed; seed < end; ++seed) {
    SimulatedWorld world(seed);
    const std::string failure = world.run();
    CHECK_MESSAGE(failure.empty(), "SLUICE_SEED=", seed, ": ", failure);
    add(total, world.coverage());
  }
  if (replay == nullptr) check_coverage(total);
}

TEST_SUITE("pipeline/request/simulation") {
  TEST_CASE("schedules 0 to 99: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(0);
  }
  TEST_CASE("schedules 100 to 199: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(100);
  }
  TEST_CASE("schedules 200 to 299: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(200);
  }
  TEST_CASE("schedules 300 to 399: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(300);
  }
  TEST_CASE("schedules 400 to 499: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(400);
  }
  TEST_CASE("schedules 500 to 599: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(500);
  }
  TEST_CASE("schedules 600 to 699: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(600);
  }
  TEST_CASE("schedules 700 to 799: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(700);
  }
  TEST_CASE("schedules 800 to 899: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(800);
  }
  TEST_CASE("schedules 900 to 999: one terminal per attachment, tokens in order, nothing left over") {
    run_hundred(900);
  }
}

}  // namespace
}  // namespace sluice::test
