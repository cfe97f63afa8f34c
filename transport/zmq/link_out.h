// The sending end of a link over ZeroMQ: a DEALER that connects, driving a LinkSender.
//
// In an actor's loop: after each Poller::wait call on_event(now), then take_events(); offer() and on_event() put on the
// wire all that credit allows. Links may be made before the other end exists; they connect again by themselves.
// Owns: socket, monitor, messages that are not acknowledged. Confined: one thread, destruction included; movable.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "transport/link/sender.h"
#include "transport/zmq/monitor.h"
#include "transport/zmq/poller.h"
#include "transport/zmq/socket.h"

namespace sluice::transport {

class LinkOut {
 public:
  // An incarnation of 0 is drawn. Errors: as Socket::create and Socket::connect.
  static Result<LinkOut> connect(const Context& context, const std::string& address, LinkIdentity identity,
                                 const LinkLimits& limits, TimePoint now);
  LinkOut(LinkOut&&) noexcept = default;
  LinkOut& operator=(LinkOut&&) noexcept;
  // Says goodbye to the peer. What was not acknowledged is gone: close() first where that matters.
  ~LinkOut();

  bool can_offer() const { return sender_.can_offer(); }
  // False: the queue is full and the message untouched; try again after progress. See LinkSender::offer.
  bool offer(Message&& message, TimePoint now);

  // Something may be ready or due: reads all, sends all that credit allows, handles timers.
  void on_event(TimePoint now);
  // What happened, in order: PeerUp, PeerLost, Returned.
  std::vector<LinkEvent> take_events() { return sender_.take_events(); }

  // See LinkSender.
  void set_epoch(Epoch epoch, TimePoint now);
  // Ends the link and returns all that was not acknowledged. Nothing may be offered afterwards.
  std::vector<Message> close(TimePoint now);

  std::size_t queued() const { return sender_.queued(); }
  std::size_t unsent() const { return sender_.unsent(); }
  bool is_up() const { return sender_.is_up(); }
  const std::string& address() const { return address_; }
  const LinkSender& sender() const { return sender_; }
  std::uint64_t refused() const { return refused_; }  // Messages that were no packets of a link.

  TimePoint next_timer() const { return sender_.next_timer(); }
  void watch(Poller& poller) const;

 private:
  LinkOut(Socket socket, SocketMonitor monitor, std::string address, LinkSender sender);

  void read_all(TimePoint now);
  void read_monitor(TimePoint now);
  void write_all(TimePoint now);
  void reconnect();
  void say_goodbye();

  Socket socket_;
  SocketMonitor monitor_;
  std::string address_;
  bool is_inproc_ = false;
  bool is_flowing_ = false;  // The socket took the last packet.
  LinkSender sender_;
  std::uint64_t refused_ = 0;
};

}  // namespace sluice::transport
