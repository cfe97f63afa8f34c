#include "load/wake_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::load {

Result<WakeTimer> WakeTimer::create() {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return Error{ErrorCode::kInternal, "no timer: out of file descriptors"};
  return WakeTimer(fd);
}

WakeTimer::WakeTimer(WakeTimer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

WakeTimer::~WakeTimer() {
  if (fd_ >= 0) ::close(fd_);
}

void WakeTimer::set(TimePoint time) {
  itimerspec spec{};
  if (time != TimePoint::never()) {
    const std::int64_t ns = std::max<std::int64_t>(time.since_start.count(), 1);  // 0 would switch it off.
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
  }
  SLUICE_CHECK(::timerfd_settime(fd_, TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
}

}  // namespace sluice::load
