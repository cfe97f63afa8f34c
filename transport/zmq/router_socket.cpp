#include "transport/zmq/router_socket.h"

#include <utility>

#include "base/check.h"

namespace sluice::transport {
namespace {

constexpr std::size_t kMaxRouteBytes = 255;

Frame frame_of(const Route& route) {
  FrameBuilder builder(route.id.size());
  route.id.copy(reinterpret_cast<char*>(builder.bytes().data()), route.id.size());
  return std::move(builder).freeze();
}

Route route_of(const Frame& frame) {
  return {std::string(reinterpret_cast<const char*>(frame.bytes().data()), frame.size())};
}

}  // namespace

Result<RouterSocket> RouterSocket::bind(const Context& context, const std::string& address,
                                        const SocketOptions& options, const ReceiveLimits& limits) {
  auto socket = Socket::create(context, SocketType::kRouter, options);
  if (!socket.ok()) return socket.error();
  // Before the bind: no connection goes unseen.
  auto monitor = SocketMonitor::watch(*socket);
  if (!monitor.ok()) return monitor.error();
  if (auto bound = socket->bind(address); !bound.ok()) return bound.error();
  // The route is a frame of its own.
  const ReceiveLimits with_route{limits.max_frames + 1, limits.max_message_bytes + kMaxRouteBytes};
  return RouterSocket(std::make_unique<Bound>(std::move(*socket), std::move(*monitor)), with_route);
}

std::optional<RouterSocket::Incoming> RouterSocket::receive() {
  while (auto received = bound_->socket.receive(limits_)) {
    // All that had happened to connections before this message came must be known before its connection is noted.
    read_monitor();
    if (received->frames.size() < 2) {
      ++refused_;
      continue;
    }
    Incoming incoming{route_of(received->frames[0]), std::move(received->frames), false, std::move(received->peer)};
    incoming.message.erase(incoming.message.begin());
    if (received->connection >= 0) {
      if (bound_->monitor.is_lost(received->connection)) {
        if (disconnected_.empty() || disconnected_.back() != incoming.route) disconnected_.push_back(incoming.route);
      } else {
        incoming.follows_loss = std::erase(disconnected_, incoming.route) > 0;
        routes_[received->connection] = incoming.route;
      }
    }
    return incoming;
  }
  return std::nullopt;
}

Result<bool> RouterSocket::send(const Route& route, const Message& message) {
  SLUICE_CHECK(!message.empty());
  const Frame prefix = frame_of(route);
  switch (bound_->socket.send({&prefix, 1}, message)) {
    case Socket::Sent::kYes: return true;
    case Socket::Sent::kWouldBlock: return false;
    case Socket::Sent::kUnreachable: break;
  }
  return Error{ErrorCode::kTransportLost, "the peer is not connected"};
}

std::vector<Route> RouterSocket::take_disconnected() {
  read_monitor();
  return std::exchange(disconnected_, {});
}

void RouterSocket::read_monitor() {
  while (const auto event = bound_->monitor.next()) {
    using Kind = ConnectionEvent::Kind;
    if (event->kind == Kind::kRefused || event->kind == Kind::kMismatched || event->kind == Kind::kBroken) {
      ++failed_handshakes_;
    }
    if (event->kind != Kind::kDisconnected) continue;
    const auto found = routes_.find(event->connection);
    if (found == routes_.end()) continue;
    disconnected_.push_back(std::move(found->second));
    routes_.erase(found);
  }
}

void RouterSocket::watch(Poller& poller) const {
  poller.add_socket(bound_->socket, false);
  poller.add_socket(bound_->monitor.socket(), false);
}

}  // namespace sluice::transport
