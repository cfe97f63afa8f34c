// A descriptor that becomes readable at a moment, to the microsecond: Poller's own time-outs are whole milliseconds,
// and up to one late.
//
// Owns: the timerfd. Confined: one thread.
#pragma once

#include "base/clock.h"
#include "base/error.h"

namespace sluice::load {

class WakeTimer {
 public:
  // kInternal: out of file descriptors.
  static Result<WakeTimer> create();
  WakeTimer(WakeTimer&& other) noexcept;
  WakeTimer& operator=(WakeTimer&&) = delete;
  ~WakeTimer();

  // Readable from `time` on, at once if it has passed, and until it is set again. SteadyClock's time.
  void set(TimePoint time);
  int fd() const { return fd_; }

 private:
  explicit WakeTimer(int fd) : fd_(fd) {}

  int fd_ = -1;
};

}  // namespace sluice::load
