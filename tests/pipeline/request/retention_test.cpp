#include "pipeline/request/retention.h"

#include <doctest/doctest.h>

#include <chrono>

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST_SUITE("pipeline/request/retention") {
  TEST_CASE("retention: the oldest goes when there are too many") {
    Retention retention({.max_streams = 2, .max_bytes = 100, .keep_ms = 10});
    retention.add({1}, 10, {});
    retention.add({2}, 10, {});
    CHECK_FALSE(retention.pop_excess());

    retention.add({3}, 10, {});

    CHECK(retention.pop_excess() == SequenceId{1});
    CHECK_FALSE(retention.pop_excess());
    CHECK(retention.bytes() == 20);
  }

  TEST_CASE("retention: the oldest go until the bytes fit") {
    Retention retention({.max_streams = 9, .max_bytes = 100, .keep_ms = 10});
    retention.add({1}, 40, {});
    retention.add({2}, 40, {});

    retention.add({3}, 100, {});

    CHECK(retention.pop_excess() == SequenceId{1});
    CHECK(retention.pop_excess() == SequenceId{2});
    CHECK_FALSE(retention.pop_excess());
    CHECK(retention.bytes() == 100);
  }

  TEST_CASE("retention: each goes when its time is over") {
    Retention retention({.max_streams = 9, .max_bytes = 100, .keep_ms = 10});
    CHECK(retention.next_expiry() == TimePoint::never());
    retention.add({1}, 1, {});
    retention.add({2}, 1, {milliseconds(5)});

    CHECK(retention.next_expiry() == TimePoint{milliseconds(10)});
    CHECK_FALSE(retention.pop_expired({milliseconds(9)}));
    CHECK(retention.pop_expired({milliseconds(10)}) == SequenceId{1});
    CHECK_FALSE(retention.pop_expired({milliseconds(14)}));
    CHECK(retention.pop_expired({milliseconds(15)}) == SequenceId{2});
    CHECK(retention.size() == 0);
  }

  TEST_CASE("retention: admits nothing beyond its bytes, nor anything when a bound is 0") {
    CHECK(Retention({.max_streams = 1, .max_bytes = 100, .keep_ms = 1}).admits(100));
    CHECK_FALSE(Retention({.max_streams = 1, .max_bytes = 100, .keep_ms = 1}).admits(101));
    CHECK_FALSE(Retention({.max_streams = 0, .max_bytes = 100, .keep_ms = 1}).admits(1));
    CHECK_FALSE(Retention({.max_streams = 1, .max_bytes = 0, .keep_ms = 1}).admits(0));
    CHECK_FALSE(Retention({.max_streams = 1, .max_bytes = 100, .keep_ms = 0}).admits(1));
  }
}

}  // namespace
}  // namespace sluice
