#include "pipeline/stage/stage_meter.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

struct Fixture {
  // A step of `busy` after a gap of `gap`, of which the engine was idle for `idle`.
  void step(std::uint64_t gap_us, std::uint64_t idle_us, std::uint64_t busy_us) {
    now = now + std::chrono::microseconds(gap_us);
    meter.begin_step(now, idle_us);
    now = now + std::chrono::microseconds(busy_us);
    meter.end_step(now, 3);
  }

  TimePoint now{std::chrono::seconds(5)};
  StageMeter meter;
};

TEST_SUITE("pipeline/stage/stage_meter") {
  TEST_CASE("time with a micro-batch is busy, a gap in which the engine had work is bubble") {
    Fixture f;
    f.step(1000, 0, 70);  // Nothing came before: no gap.
    f.step(40, 0, 30);
    CHECK(f.meter.times().steps_total == 2);
    CHECK(f.meter.times().tokens_total == 6);
    CHECK(f.meter.times().busy_us_total == 100);
    CHECK(f.meter.times().bubble_us_total == 40);
    CHECK(f.meter.times().step_us.sum == 100);
  }

  TEST_CASE("time in which the engine had nothing to do is no bubble") {
    Fixture f;
    f.step(0, 0, 10);
    f.step(1000, 980, 10);
    CHECK(f.meter.times().bubble_us_total == 20);
    f.step(500, 5000, 10);  // Measured elsewhere: it may be a little more than the gap.
    CHECK(f.meter.times().bubble_us_total == 20);
  }

  TEST_CASE("busy, bubble and idle make up the time from the first step's beginning to the last one's end") {
    Fixture f;
    const TimePoint begin = f.now;
    std::uint64_t idle_us = 0;
    for (std::uint64_t i = 0; i < 100; ++i) {
      const std::uint64_t idle = i == 0 ? 0 : i % 7;
      f.step(i == 0 ? 0 : 2 * i + idle, idle, 3 * i);
      idle_us += idle;
    }
    const StageTimes& times = f.meter.times();
    CHECK(times.busy_us_total + times.bubble_us_total + idle_us == whole_us(f.now - begin));
  }

  TEST_CASE("the time between two epochs is no bubble") {
    Fixture f;
    f.step(0, 0, 10);
    f.meter.begin_epoch();
    f.step(1'000'000, 0, 10);
    CHECK(f.meter.times().bubble_us_total == 0);
    CHECK(f.meter.times().steps_total == 2);
  }
}

}  // namespace
}  // namespace sluice
