#include "transport/zmq/link_in.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "transport/link/header_codec.h"
#include "transport/zmq/link_options.h"

namespace sluice::transport {
namespace {

// Senders that may wait for an answer at the same time: the current one, the next one, and a few that are turned away.
constexpr std::size_t kMaxRoutes = 8;
// Packets read at a stretch, so that a flood of strangers' does not keep the actor from its work.
constexpr int kMaxReads = 4096;

}  // namespace

Result<LinkIn> LinkIn::bind(const Context& context, const std::string& address, LinkIdentity identity,
                            const LinkLimits& limits, bool allow_wide_bind) {
  if (identity.incarnation == 0) identity.incarnation = draw_incarnation();
  SocketOptions options = socket_options(limits);
  options.allow_wide_bind = allow_wide_bind;
  auto socket = Socket::create(context, SocketType::kRouter, options);
  if (!socket.ok()) return socket.error();
  auto monitor = SocketMonitor::watch(*socket);
  if (!monitor.ok()) return monitor.error();
  if (auto bound = socket->bind(address); !bound.ok()) return bound.error();
  monitor->release_at_end(socket->endpoint());
  return LinkIn(std::move(*socket), std::move(*monitor), limits, LinkReceiver(std::move(identity), limits));
}

LinkIn::LinkIn(Socket socket, SocketMonitor monitor, const LinkLimits& limits, LinkReceiver receiver)
    : socket_(std::move(socket)),
      monitor_(std::move(monitor)),
      address_(socket_.endpoint()),
      limits_(receive_limits(limits)),
      receiver_(std::move(receiver)) {}

LinkIn& LinkIn::operator=(LinkIn&& other) noexcept {
  say_goodbye();
  socket_ = std::move(other.socket_);
  monitor_ = std::move(other.monitor_);
  address_ = std::move(other.address_);
  limits_ = other.limits_;
  receiver_ = std::move(other.receiver_);
  routes_ = std::move(other.routes_);
  connection_ = other.connection_;
  refused_ = other.refused_;
  return *this;
}

LinkIn::~LinkIn() {
  say_goodbye();
}

// Unless it was moved from.
void LinkIn::say_goodbye() {
  if (!socket_.is_open()) return;
  receiver_.close();
  write_all();
}

void LinkIn::on_event(TimePoint now) {
  read_all(now);
  read_monitor(now);
  receiver_.on_timer(now);
  write_all();
}

std::optional<Message> LinkIn::receive(TimePoint now) {
  if (auto message = receiver_.take()) return message;
  read_all(now);
  write_all();
  return receiver_.take();
}

void LinkIn::consumed() {
  receiver_.consumed();
  write_all();
}

void LinkIn::set_epoch(Epoch epoch) {
  receiver_.set_epoch(epoch);
}

void LinkIn::read_all(TimePoint now) {
  for (int i = 0; i < kMaxReads && read_one(now); ++i) {
  }
}

// False if there was nothing to read.
bool LinkIn::read_one(TimePoint now) {
  auto received = socket_.receive(limits_);
  if (!received) return false;
  // All that had happened to connections before this packet came must be known before it counts as a sign of life.
  // (Looking costs a system call, and of in-process connections the monitor knows nothing.)
  if (received->connection >= 0) read_monitor(now);
  if (received->frames.size() < 2) {
    ++refused_;
    return true;
  }
  const auto header = decode_header(received->frames[1].bytes());
  if (!header.ok() || (header->kind == LinkKind::kData) != (received->frames.size() > 2)) {
    ++refused_;
    return true;
  }
  const std::uint64_t sender = header->sender_incarnation;
  note_route(sender, received->frames[0]);
  const bool is_lost = received->connection >= 0 && monitor_.is_lost(received->connection);
  if (!is_lost && sender == receiver_.sender_incarnation() && received->connection != connection_) {
    connection_ = received->connection;
    receiver_.on_connected(now);
  }
  Message payload(std::make_move_iterator(received->frames.begin() + 2),
                  std::make_move_iterator(received->frames.end()));
  receiver_.receive({*header, std::move(payload)}, now);
  if (sender == receiver_.sender_incarnation()) {
    connection_ = is_lost ? -1 : received->connection;
    if (is_lost) receiver_.on_disconnected(now);
  }
  return true;
}

void LinkIn::read_monitor(TimePoint now) {
  while (const auto event = monitor_.next()) {
    if (event->kind != ConnectionEvent::Kind::kDisconnected || event->connection != connection_) continue;
    connection_ = -1;
    receiver_.on_disconnected(now);
  }
}

// A packet that cannot be sent is lost, which the protocol is made for.
void LinkIn::write_all() {
  while (const auto packet = receiver_.next_packet()) {
    const auto route = std::find_if(routes_.begin(), routes_.end(), [&](const auto& known) {
      return known.first == packet->header.sender_incarnation;
    });
    if (route == routes_.end()) continue;
    const std::array<Frame, 2> prefix{route->second, encode_header(packet->header)};
    static_cast<void>(socket_.send(prefix, packet->payload));
  }
}

void LinkIn::note_route(std::uint64_t sender_incarnation, const Frame& route) {
  const auto known = std::find_if(routes_.begin(), routes_.end(),
                                  [&](const auto& entry) { return entry.first == sender_incarnation; });
  if (known != routes_.end()) {
    if (!std::ranges::equal(known->second.bytes(), route.bytes())) known->second = route;
    std::rotate(known, known + 1, routes_.end());
    return;
  }
  if (routes_.size() == kMaxRoutes) routes_.erase(routes_.begin());
  routes_.emplace_back(sender_incarnation, route);
}

void LinkIn::watch(Poller& poller) const {
  poller.add_socket(socket_, false);
  poller.add_socket(monitor_.socket(), false);
  poller.add_timer(receiver_.next_timer());
}

}  // namespace sluice::transport
