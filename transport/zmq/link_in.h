// The receiving end of a link over ZeroMQ: a ROUTER that binds, driving a LinkReceiver. One sender at a time.
//
// In an actor's loop: after each Poller::wait call on_event(now), then receive() until none (or until the actor has
// enough: what it leaves holds back the sender), consumed() after each message is dealt with, take_events().
// Owns: socket, monitor, messages that were not taken. Confined: one thread, destruction included; movable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "transport/link/receiver.h"
#include "transport/zmq/monitor.h"
#include "transport/zmq/poller.h"
#include "transport/zmq/socket.h"

namespace sluice::transport {

class LinkIn {
 public:
  // An incarnation of 0 is drawn. `allow_wide_bind` permits addresses beyond loopback.
  // Errors: as Socket::create and Socket::bind.
  static Result<LinkIn> bind(const Context& context, const std::string& address, LinkIdentity identity,
                             const LinkLimits& limits, bool allow_wide_bind = false);
  LinkIn(LinkIn&&) noexcept = default;
  LinkIn& operator=(LinkIn&&) noexcept;
  // Says goodbye to the peer.
  ~LinkIn();

  // Resolved: what the sender connects to.
  const std::string& address() const { return address_; }

  // Something may be ready or due: reads all that arrived (bounded by the window), answers, handles timers.
  void on_event(TimePoint now);
  // The next message in order, or none; looks at the socket too. Each wants one consumed(), in order.
  std::optional<Message> receive(TimePoint now);
  // How long the last one had been in the link by `now`, see LinkReceiver. What lies unread in the socket counts only
  // from when it is read: where that matters, call on_event() before each receive().
  Duration waited(TimePoint now) const { return receiver_.waited(now); }
  // The oldest message received and not yet consumed is dealt with. Credit flows back for each half window.
  void consumed();
  // What happened, in order: PeerUp, PeerLost.
  std::vector<LinkEvent> take_events() { return receiver_.take_events(); }

  // See LinkReceiver.
  void set_epoch(Epoch epoch);

  bool is_up() const { return receiver_.is_up(); }
  const LinkReceiver& receiver() const { return receiver_; }
  std::uint64_t refused() const { return refused_; }  // Messages that were no packets of a link.

  TimePoint next_timer() const { return receiver_.next_timer(); }
  void watch(Poller& poller) const;

 private:
  LinkIn(Socket socket, SocketMonitor monitor, const LinkLimits& limits, LinkReceiver receiver);

  void read_all(TimePoint now);
  bool read_one(TimePoint now);
  void read_monitor(TimePoint now);
  void write_all();
  void say_goodbye();
  void note_route(std::uint64_t sender_incarnation, const Frame& route);

  Socket socket_;
  SocketMonitor monitor_;
  std::string address_;
  ReceiveLimits limits_;
  LinkReceiver receiver_;
  std::vector<std::pair<std::uint64_t, Frame>> routes_;  // Of the last few senders, the latest last.
  int connection_ = -1;                                  // Of the current sender; -1: none, or in-process.
  std::uint64_t refused_ = 0;
};

}  // namespace sluice::transport
