#include "pipeline/schedule/idle_time.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

constexpr TimePoint at(std::int64_t us) {
  return {std::chrono::microseconds(us)};
}

TEST_SUITE("pipeline/schedule/idle_time") {
  TEST_CASE("take: what ended since the last call, and nothing twice") {
    IdleTime idle;
    idle.begin(at(10));
    idle.begin(at(15));  // Still idle.
    idle.end(at(30));
    idle.end(at(35));
    idle.begin(at(40));
    idle.end(at(41));
    CHECK(idle.take() == std::chrono::microseconds(21));
    CHECK(idle.take() == Duration{});
  }

  TEST_CASE("total: counts a time that has not ended, which take() leaves to the next call") {
    IdleTime idle;
    CHECK(idle.total(at(5)) == Duration{});
    idle.begin(at(10));
    CHECK(idle.total(at(25)) == std::chrono::microseconds(15));
    CHECK(idle.take() == Duration{});
    idle.end(at(30));
    CHECK(idle.total(at(99)) == std::chrono::microseconds(20));
    CHECK(idle.take() == std::chrono::microseconds(20));
  }
}

}  // namespace
}  // namespace sluice
