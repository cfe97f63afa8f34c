#include "pipeline/request/recent_rate.h"

#include <doctest/doctest.h>

#include <chrono>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void check_reading(const RecentRate::Reading& reading, std::uint64_t events, std::uint64_t amount, Duration span) {
  CHECK(reading.events == events);
  CHECK(reading.amount == amount);
  CHECK(reading.span == span);
}

TEST_SUITE("pipeline/request/recent_rate") {
  TEST_CASE("counts events and amounts since the restart") {
    RecentRate rate;
    rate.restart({milliseconds(100'700)});
    check_reading(rate.read({milliseconds(100'700)}), 0, 0, Duration{0});

    rate.add(7, {milliseconds(100'900)});
    rate.add(5, {milliseconds(102'000)});

    check_reading(rate.read({milliseconds(102'200)}), 2, 12, milliseconds(1'500));
    rate.restart({milliseconds(103'000)});
    check_reading(rate.read({milliseconds(104'000)}), 0, 0, milliseconds(1'000));
  }

  TEST_CASE("what is older than the window is forgotten, and the time it took as well") {
    RecentRate rate;
    rate.restart({});
    for (int n = 0; n < 100; ++n) rate.add(10, {milliseconds(n * 1'000)});

    // Seconds 84 to 99, the last of them half over.
    check_reading(rate.read({milliseconds(99'500)}), 16, 160, milliseconds(15'500));
    check_reading(rate.read({milliseconds(105'000)}), 10, 100, milliseconds(15'000));
    check_reading(rate.read({seconds(1'000'000)}), 0, 0, seconds(15));
  }

  TEST_CASE("a clock that seems to go back does no harm") {
    RecentRate rate;
    rate.restart({seconds(50)});
    rate.add(1, {seconds(60)});
    rate.add(1, {seconds(40)});
    check_reading(rate.read({seconds(45)}), 2, 2, Duration{0});
    check_reading(rate.read({seconds(60)}), 2, 2, seconds(10));
  }
}

}  // namespace
}  // namespace sluice
