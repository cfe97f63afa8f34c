#include "transport/zmq/poller.h"

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/check.h"

namespace sluice::transport {

Poller::Poller() = default;
Poller::Poller(Poller&&) noexcept = default;
Poller& Poller::operator=(Poller&&) noexcept = default;
Poller::~Poller() = default;

void Poller::clear() {
  items_.clear();
  timer_ = TimePoint::never();
}

void Poller::add_socket(const Socket& socket, bool for_writing) {
  const int events = ZMQ_POLLIN | (for_writing ? ZMQ_POLLOUT : 0);
  items_.push_back({socket.raw(), -1, static_cast<short>(events), 0});
}

std::size_t Poller::add_fd(int fd) {
  items_.push_back({nullptr, fd, ZMQ_POLLIN, 0});
  return items_.size() - 1;
}

void Poller::add_timer(TimePoint timer) {
  timer_ = std::min(timer_, timer);
}

void Poller::wait(const Clock& clock, TimePoint until) {
  const TimePoint end = std::min(timer_, until);
  long timeout_ms = -1;
  if (end != TimePoint::never()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::max(end - clock.now(), Duration::zero()));
    timeout_ms = static_cast<long>(std::min<std::int64_t>(left.count(), 1'000'000'000));
  }
  if (zmq_poll(items_.data(), static_cast<int>(items_.size()), timeout_ms) < 0) {
    const int error = zmq_errno();
    if (error != EINTR) check_failed(__FILE__, __LINE__, "zmq_poll", zmq_strerror(error));
    for (zmq_pollitem_t& item : items_) item.revents = 0;
  }
}

bool Poller::is_ready(std::size_t index) const {
  SLUICE_CHECK_LT(index, items_.size());
  return items_[index].revents != 0;
}

}  // namespace sluice::transport
