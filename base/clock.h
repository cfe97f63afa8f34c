// Time as the engine sees it: nanoseconds since an arbitrary start that never goes back.
// State machines take `now` as an argument; only actors and programs own a Clock. Tests drive a ManualClock.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using Duration = std::chrono::nanoseconds;

struct TimePoint {
  Duration since_start{};

  friend auto operator<=>(const TimePoint&, const TimePoint&) = default;
  friend TimePoint operator+(TimePoint t, Duration d) { return {t.since_start + d}; }
  friend TimePoint operator-(TimePoint t, Duration d) { return {t.since_start - d}; }
  friend Duration operator-(TimePoint a, TimePoint b) { return a.since_start - b.since_start; }

  // Later than every time a clock returns: "no deadline".
  static constexpr TimePoint never() { return {Duration::max()}; }
};

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  virtual TimePoint now() const = 0;
};

// CLOCK_MONOTONIC. Thread-safe.
class SteadyClock final : public Clock {
 public:
  TimePoint now() const override { return {std::chrono::steady_clock::now().time_since_epoch()}; }
};

// Moves only when told to. Not thread-safe.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void advance(Duration by) { now_ = now_ + by; }

 private:
  TimePoint now_{};
};

}  // namespace sluice
