// A server socket for many peers: ingress toward clients, head toward workers. Each peer has a route.
//
// Without handover (the default) a peer cannot take over the routing id of another one that is connected.
// Owns: socket and monitor. Confined: one thread, destruction included, which waits until the peers have what they were
//       sent, at most the socket's linger time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "transport/zmq/monitor.h"
#include "transport/zmq/poller.h"
#include "transport/zmq/socket.h"

namespace sluice::transport {

// A peer of a RouterSocket, by its routing id: 1 to 255 bytes, not text. Remote ones that set none get a fresh one for
// each connection.
struct Route {
  std::string id;

  friend auto operator<=>(const Route&, const Route&) = default;
};

class RouterSocket {
 public:
  struct Incoming {
    Route route;
    Message message;  // At least one frame.
    // The route had another connection before, whose end take_disconnected() has not told and will not tell any more:
    // it comes before this message.
    bool follows_loss = false;
    std::string peer;  // See Socket::Received.
  };

  // Errors: as Socket::create and Socket::bind.
  static Result<RouterSocket> bind(const Context& context, const std::string& address, const SocketOptions& options,
                                   const ReceiveLimits& limits);

  // Resolved: what peers connect to.
  std::string address() const { return bound_->socket.endpoint(); }

  // The next message, or none. Messages beyond the limits and those without a frame are counted and dropped.
  std::optional<Incoming> receive();
  // True: queued. False: the route's queue is full, nothing was sent. Errors: kTransportLost, no such peer is
  // connected.
  Result<bool> send(const Route& route, const Message& message);
  // Routes whose connection ended since the last call, once for each loss, and not those that were heard again since
  // then (Incoming::follows_loss). A route that never sent anything is not reported. In-process peers give no such
  // events.
  // Call after receive() has returned none.
  std::vector<Route> take_disconnected();

  std::uint64_t refused() const { return refused_; }
  // Connections whose handshake failed: no key, a wrong one, one that is not on the list. They never get a route.
  std::uint64_t failed_handshakes() const { return failed_handshakes_; }
  void watch(Poller& poller) const;

 private:
  // Both end together.
  struct Bound {
    Socket socket;
    SocketMonitor monitor;

    Bound(Socket bound, SocketMonitor its_monitor) : socket(std::move(bound)), monitor(std::move(its_monitor)) {}
    Bound(const Bound&) = delete;
    Bound& operator=(const Bound&) = delete;
    ~Bound() { monitor.close(std::move(socket)); }
  };

  RouterSocket(std::unique_ptr<Bound> bound, const ReceiveLimits& limits) : bound_(std::move(bound)), limits_(limits) {}

  void read_monitor();

  std::unique_ptr<Bound> bound_;
  ReceiveLimits limits_;
  std::map<int, Route> routes_;  // By connection.
  std::vector<Route> disconnected_;
  std::uint64_t refused_ = 0;
  std::uint64_t failed_handshakes_ = 0;
};

}  // namespace sluice::transport
