#include "pipeline/stage/device_clock.h"

#include <sys/prctl.h>
#include <time.h>

namespace sluice {

void SteadyDeviceClock::wait_until(TimePoint end) {
  if (!is_exact_) {
    constexpr unsigned long kSlackNs = 1;
    prctl(PR_SET_TIMERSLACK, kSlackNs);  // Where that fails, steps are a little longer.
    is_exact_ = true;
  }
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  const std::int64_t ns = end.since_start.count();
  const timespec at{ns / kNsPerSecond, ns % kNsPerSecond};
  // A signal ends the sleep early.
  while (clock_.now() < end) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
}

}  // namespace sluice
