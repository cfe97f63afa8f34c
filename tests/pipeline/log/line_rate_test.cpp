#include "pipeline/log/line_rate.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_SUITE("pipeline/log/line_rate") {
  TEST_CASE("the first event of a second has a line, the others are counted into one") {
    LineRate rate(1);
    ManualClock clock;

    CHECK(rate.take(clock.now()));
    for (int i = 0; i < 7; ++i) CHECK_FALSE(rate.take(clock.now()));
    CHECK(rate.next_timer() == clock.now() + seconds(1));
    clock.advance(milliseconds(999));
    CHECK(rate.take_counted(clock.now()) == 0);
    clock.advance(milliseconds(1));

    CHECK(rate.take_counted(clock.now()) == 7);
    CHECK(rate.take_counted(clock.now()) == 0);
    CHECK(rate.next_timer() == TimePoint::never());
  }

  TEST_CASE("the line of the count is the first of the next second") {
    LineRate rate(1);
    ManualClock clock;
    CHECK(rate.take(clock.now()));
    CHECK_FALSE(rate.take(clock.now()));
    clock.advance(seconds(1));
    CHECK(rate.take_counted(clock.now()) == 1);

    CHECK_FALSE(rate.take(clock.now()));
    CHECK(rate.next_timer() == clock.now() + seconds(1));
  }

  TEST_CASE("events that come later than their second count into a line before they get one themselves") {
    LineRate rate(1);
    ManualClock clock;
    CHECK(rate.take(clock.now()));
    CHECK_FALSE(rate.take(clock.now()));
    clock.advance(seconds(5));

    CHECK_FALSE(rate.take(clock.now()));
    CHECK(rate.take_counted(clock.now()) == 2);
  }

  TEST_CASE("several lines a second, where allowed, a quiet second starts anew") {
    LineRate rate(3);
    ManualClock clock;
    for (int i = 0; i < 3; ++i) CHECK(rate.take(clock.now()));
    CHECK_FALSE(rate.take(clock.now()));
    clock.advance(seconds(1));
    CHECK(rate.take_counted(clock.now()) == 1);
    clock.advance(seconds(1));

    for (int i = 0; i < 3; ++i) CHECK(rate.take(clock.now()));
    CHECK_FALSE(rate.take(clock.now()));
  }

  TEST_CASE("a thousand events a second for ten seconds make a line a second, and all are counted") {
    LineRate rate(1);
    ManualClock clock;
    std::uint64_t lines = 0;
    std::uint64_t events = 0;
    for (int i = 0; i < 10'000; ++i) {
      if (const std::uint64_t counted = rate.take_counted(clock.now()); counted > 0) {
        ++lines;
        events += counted;
      }
      if (rate.take(clock.now())) {
        ++lines;
        ++events;
      }
      clock.advance(milliseconds(1));
    }
    events += rate.take_counted(clock.now());

    CHECK(lines == 10);
    CHECK(events == 10'000);
  }
}

}  // namespace
}  // namespace sluice
