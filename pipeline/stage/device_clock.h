// Time as a device would take it: a mock stage sleeps until its step is over, and leaves the CPU to others.
//
// Confined: wait_until() to the stage's thread.
#pragma once

#include "base/clock.h"

namespace sluice {

class DeviceClock {
 public:
  DeviceClock() = default;
  DeviceClock(const DeviceClock&) = delete;
  DeviceClock& operator=(const DeviceClock&) = delete;
  virtual ~DeviceClock() = default;

  virtual TimePoint now() const = 0;
  // Returns at `end`, or as soon after it as the system wakes the thread.
  virtual void wait_until(TimePoint end) = 0;
};

// CLOCK_MONOTONIC. The first wait makes the timers of its thread exact; they are rounded up by 50 us otherwise.
class SteadyDeviceClock final : public DeviceClock {
 public:
  TimePoint now() const override { return clock_.now(); }
  void wait_until(TimePoint end) override;

 private:
  SteadyClock clock_;
  bool is_exact_ = false;
};

}  // namespace sluice
