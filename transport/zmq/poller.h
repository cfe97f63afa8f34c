// Waits for sockets, links and file descriptors together.
//
// Rebuilt for each wait, which keeps it free of dangling registrations:
//   poller.clear();
//   poller.add(link_in); poller.add(link_out); const auto mailbox = poller.add_fd(eventfd);
//   poller.wait(clock, next_deadline);
//   const TimePoint now = clock.now();
//   link_in.on_event(now); link_out.on_event(now);    // always all of them: each is a cheap no-op without news
//   if (poller.is_ready(mailbox)) ...
//
// ZeroMQ's descriptors are edge-triggered: polling them by hand loses wake-ups. This uses zmq_poll, which looks at the
// sockets' own state first, so that nothing is lost as long as only this class waits. Confined: one thread.
#pragma once

#include <cstddef>
#include <vector>

#include "base/clock.h"
#include "transport/zmq/socket.h"

struct zmq_pollitem_t;

namespace sluice::transport {

class Poller {
 public:
  Poller();
  Poller(Poller&&) noexcept;
  Poller& operator=(Poller&&) noexcept;
  ~Poller();

  void clear();
  // Anything with `void watch(Poller&) const`: sockets with monitors, links. Links bring their timers along.
  template <class T>
  void add(const T& watched) {
    watched.watch(*this);
  }
  void add_socket(const Socket& socket, bool for_writing);
  // A descriptor to be read from. The index is for is_ready(), until the next clear().
  std::size_t add_fd(int fd);
  // The wait ends at `timer` at the latest.
  void add_timer(TimePoint timer);

  // Returns when something is ready, at `until`, at the first timer, or at a signal. Never earlier than `until` by more
  // than a millisecond for lack of news; TimePoint::never() waits without an end.
  void wait(const Clock& clock, TimePoint until);

  bool is_ready(std::size_t index) const;

 private:
  std::vector<zmq_pollitem_t> items_;
  TimePoint timer_ = TimePoint::never();
};

}  // namespace sluice::transport
