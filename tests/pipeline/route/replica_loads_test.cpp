#include "pipeline/route/replica_loads.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

constexpr TimePoint kNow{std::chrono::seconds(1000)};

ReplicaSet first(std::size_t count) {
  ReplicaSet set;
  for (std::size_t i = 0; i < count; ++i) set.set(i);
  return set;
}

// One sequence after the other, each with this latency for a token.
void measure(ReplicaLoads& loads, std::uint32_t replica, Duration per_token, int count = 1, TimePoint now = kNow) {
  for (int i = 0; i < count; ++i) {
    loads.add(replica);
    loads.remove(replica, per_token, now);
  }
}

TEST_SUITE("pipeline/route/replica_loads") {
  TEST_CASE("without latencies the shorter queue wins, and of equals the one that waited longest") {
    ReplicaLoads loads({1, 1, 1}, 0.6, 0.4);
    for (const std::uint32_t expected : {0u, 1u, 2u, 0u, 1u, 2u}) {
      CHECK(loads.least(first(3), kNow) == expected);
      loads.add(expected);
    }
    loads.remove(1, std::nullopt, kNow);
    CHECK(loads.least(first(3), kNow) == 1);
    CHECK(loads.sequences(1) == 1);
  }

  TEST_CASE("a queue counts by weight") {
    ReplicaLoads loads({1, 3}, 0, 1);
    int sent[2] = {};
    for (int i = 0; i < 40; ++i) {
      const std::uint32_t next = loads.least(first(2), kNow);
      loads.add(next);
      ++sent[next];
    }
    CHECK(sent[0] == 10);
    CHECK(sent[1] == 30);
  }

  TEST_CASE("the score is alpha * latency + beta * queue, as shares of the largest") {
    ReplicaLoads loads({1, 1}, 0.6, 0.4);
    measure(loads, 0, std::chrono::milliseconds(10));
    measure(loads, 1, std::chrono::milliseconds(20));
    for (int i = 0; i < 3; ++i) loads.add(0);
    // 0.6 * 10 / 20 + 0.4 * 4 / 4 = 0.7 and 0.6 + 0.4 * 1 / 4 = 0.7: equal, so the longer ago.
    CHECK(loads.least(first(2), kNow) == 1);
    loads.remove(0, std::nullopt, kNow);
    // 0.3 + 0.4 and 0.6 + 0.4 / 3.
    CHECK(loads.least(first(2), kNow) == 0);
  }

  TEST_CASE("only candidates count") {
    ReplicaLoads loads({1, 1, 1}, 0.6, 0.4);
    loads.add(1);
    ReplicaSet set;
    set.set(1);
    CHECK(loads.least(set, kNow) == 1);
    set.set(2);
    CHECK(loads.least(set, kNow) == 2);
  }

  TEST_CASE("latency is an average over ends, which one outlier does not turn") {
    ReplicaLoads loads({1, 1}, 1, 0);
    CHECK_FALSE(loads.latency(0).has_value());
    measure(loads, 0, std::chrono::milliseconds(8), 20);
    CHECK(*loads.latency(0) == std::chrono::milliseconds(8));
    measure(loads, 0, std::chrono::milliseconds(16));
    CHECK(*loads.latency(0) == std::chrono::milliseconds(9));
  }

  TEST_CASE("a slow replica that nothing was heard of for a while is tried again") {
    ReplicaLoads loads({1, 1}, 0.6, 0.4);
    measure(loads, 0, std::chrono::milliseconds(1));
    measure(loads, 1, std::chrono::milliseconds(100));
    CHECK(loads.least(first(2), kNow) == 0);
    const TimePoint later = kNow + ReplicaLoads::kRecent + std::chrono::seconds(1);
    measure(loads, 0, std::chrono::milliseconds(1), 1, later);
    CHECK(loads.least(first(2), later) == 1);
    // Once: what it does with it is what counts.
    loads.add(1);
    CHECK(loads.least(first(2), later) == 0);
  }

  TEST_CASE("a replica that swallows everything attracts nothing") {
    ReplicaLoads loads({1, 1}, 0.6, 0.4);
    for (int i = 0; i < 4; ++i) loads.add(loads.least(first(2), kNow));
    // The first answers, the second does not.
    int sent = 0;
    for (int i = 0; i < 100; ++i) {
      loads.remove(0, std::chrono::milliseconds(1), kNow);
      const std::uint32_t next = loads.least(first(2), kNow);
      if (next == 1) ++sent;
      loads.add(next);
      if (loads.sequences(0) == 0) break;
    }
    CHECK(sent == 0);
  }
}

}  // namespace
}  // namespace sluice
