// 1,000 seeded schedules of the link protocol. SLUICE_SEED=n replays seed n of a case.
#include "tests/transport/link/simulation.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

using namespace sluice::transport::test;

namespace {

constexpr std::uint64_t kSeedsPerCase = 100;

// Runs the seeds of one case; gives the sums over them.
Simulation::Totals run_seeds(std::uint64_t first_seed, const Faults& faults) {
  std::uint64_t begin = first_seed;
  std::uint64_t end = first_seed + kSeedsPerCase;
  if (const char* replayed = std::getenv("SLUICE_SEED")) {
    begin = std::strtoull(replayed, nullptr, 10);
    end = begin + 1;
  }
  Simulation::Totals sum;
  for (std::uint64_t seed = begin; seed < end; ++seed) {
    Simulation simulation(seed, faults);
    const auto broken = simulation.run();
    if (broken) FAIL_CHECK("SLUICE_SEED=" << seed << ": " << *broken);
    const auto& totals = simulation.totals();
    sum.offered += totals.offered;
    sum.delivered += totals.delivered;
    sum.returned += totals.returned;
    sum.acknowledged += totals.acknowledged;
    sum.resent += totals.resent;
    sum.duplicates += totals.duplicates;
    sum.sessions += totals.sessions;
    sum.lost_events += totals.lost_events;
  }
  MESSAGE(sum.offered << " offered, " << sum.delivered << " delivered, " << sum.returned << " returned, " << sum.resent
                      << " resent, " << sum.duplicates << " duplicates, " << sum.sessions << " sessions, "
                      << sum.lost_events << " losses of a peer");
  CHECK(sum.delivered > 0);
  return sum;
}

}  // namespace

TEST_SUITE("transport/link/simulation") {
  TEST_CASE("seeds 1 to 100: an orderly network loses and repeats nothing") {
    const auto sum = run_seeds(1, {.ordered = true});
    CHECK(sum.delivered == sum.offered);
    CHECK(sum.resent == 0);
    CHECK(sum.duplicates == 0);
    CHECK(sum.returned == 0);
  }
  TEST_CASE("seeds 101 to 200: packets get lost") {
    const auto sum = run_seeds(101, {.loss = 200, .ordered = true});
    CHECK(sum.delivered == sum.offered);
    CHECK(sum.resent > 0);
  }
  TEST_CASE("seeds 201 to 300: packets are repeated and overtake each other") {
    const auto sum = run_seeds(201, {.duplication = 300, .max_delay_ms = 60});
    CHECK(sum.delivered == sum.offered);
    CHECK(sum.duplicates > 0);
  }
  TEST_CASE("seeds 301 to 400: packets get lost and overtake each other with a window of one") {
    const auto sum = run_seeds(301, {.loss = 100, .duplication = 100, .max_delay_ms = 30, .window_messages = 1});
    CHECK(sum.delivered == sum.offered);
  }
  TEST_CASE("seeds 401 to 500: partitions longer than the time-out") {
    const auto sum = run_seeds(401, {.loss = 50, .max_delay_ms = 10, .partition = 40});
    CHECK(sum.delivered == sum.offered);
    CHECK(sum.lost_events > 0);
  }
  TEST_CASE("seeds 501 to 600: connections break and come back") {
    const auto sum = run_seeds(501, {.ordered = true, .disconnection = 100});
    CHECK(sum.delivered == sum.offered);
    CHECK(sum.resent > 0);
    CHECK(sum.lost_events > 0);
  }
  TEST_CASE("seeds 601 to 700: the receiver dies and another one takes its place") {
    const auto sum = run_seeds(601, {.loss = 50, .max_delay_ms = 20, .receiver_death = 50});
    CHECK(sum.returned > 0);
    CHECK(sum.sessions > 100);
  }
  TEST_CASE("seeds 701 to 800: the sender dies and another one takes its place") {
    const auto sum = run_seeds(701, {.loss = 50, .max_delay_ms = 20, .sender_death = 50});
    CHECK(sum.sessions > 100);
  }
  TEST_CASE("seeds 801 to 900: epochs rise, at one end after the other") {
    const auto sum = run_seeds(801, {.loss = 50, .max_delay_ms = 20, .new_epoch = 60});
    CHECK(sum.returned > 0);
    CHECK(sum.sessions > 100);
  }
  TEST_CASE("seeds 901 to 1000: all of it with small windows") {
    const auto sum = run_seeds(901, {.loss = 100,
                                     .duplication = 100,
                                     .max_delay_ms = 40,
                                     .partition = 10,
                                     .disconnection = 20,
                                     .sender_death = 15,
                                     .receiver_death = 15,
                                     .new_epoch = 20,
                                     .window_messages = 3,
                                     .window_bytes = 600});
    CHECK(sum.returned > 0);
    CHECK(sum.resent > 0);
  }
}
