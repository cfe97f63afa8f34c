#include "transport/zmq/link_out.h"

#include <array>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "transport/link/header_codec.h"
#include "transport/zmq/address.h"
#include "transport/zmq/link_options.h"

namespace sluice::transport {
namespace {

// Unique among all links, and readable in a trace: "stage-1#00f3c2...".
std::string routing_id(const LinkIdentity& identity) {
  std::array<char, 16> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), identity.incarnation, 16);
  SLUICE_CHECK(error == std::errc{});
  return identity.name + "#" + std::string(digits.data(), end);
}

}  // namespace

Result<LinkOut> LinkOut::connect(const Context& context, const std::string& address, LinkIdentity identity,
                                 const LinkLimits& limits, TimePoint now) {
  if (identity.incarnation == 0) identity.incarnation = draw_incarnation();
  SocketOptions options = socket_options(limits);
  options.routing_id = routing_id(identity);
  auto socket = Socket::create(context, SocketType::kDealer, options);
  if (!socket.ok()) return socket.error();
  auto monitor = SocketMonitor::watch(*socket);
  if (!monitor.ok()) return monitor.error();
  if (auto connected = socket->connect(address); !connected.ok()) return connected.error();
  LinkOut link(std::move(*socket), std::move(*monitor), address, LinkSender(std::move(identity), limits, now));
  link.write_all(now);
  return link;
}

LinkOut::LinkOut(Socket socket, SocketMonitor monitor, std::string address, LinkSender sender)
    : socket_(std::move(socket)),
      monitor_(std::move(monitor)),
      address_(std::move(address)),
      is_inproc_(is_inproc(address_)),
      sender_(std::move(sender)) {}

LinkOut& LinkOut::operator=(LinkOut&& other) noexcept {
  say_goodbye();
  socket_ = std::move(other.socket_);
  monitor_ = std::move(other.monitor_);
  address_ = std::move(other.address_);
  is_inproc_ = other.is_inproc_;
  is_flowing_ = other.is_flowing_;
  sender_ = std::move(other.sender_);
  refused_ = other.refused_;
  return *this;
}

LinkOut::~LinkOut() {
  say_goodbye();
}

// Unless it was moved from.
void LinkOut::say_goodbye() {
  if (socket_.is_open()) close(TimePoint{});
}

bool LinkOut::offer(Message&& message, TimePoint now) {
  if (!sender_.offer(std::move(message), now)) return false;
  write_all(now);
  return true;
}

void LinkOut::on_event(TimePoint now) {
  read_all(now);
  read_monitor(now);
  sender_.on_timer(now);
  // An in-process connection does not come back by itself when the other end is bound anew.
  if (is_inproc_ && !sender_.is_up() && sender_.has_packet() && !socket_.writable()) reconnect();
  write_all(now);
}

void LinkOut::set_epoch(Epoch epoch, TimePoint now) {
  sender_.set_epoch(epoch, now);
  write_all(now);
}

std::vector<Message> LinkOut::close(TimePoint now) {
  std::vector<Message> rest = sender_.close();
  write_all(now);
  return rest;
}

void LinkOut::read_all(TimePoint now) {
  static constexpr ReceiveLimits kHeaderOnly{1, kMaxHeaderBytes};
  while (auto received = socket_.receive(kHeaderOnly)) {
    if (received->connection >= 0) read_monitor(now);
    if (received->frames.size() != 1) {
      ++refused_;
      continue;
    }
    const auto header = decode_header(received->frames[0].bytes());
    if (!header.ok()) {
      ++refused_;
      continue;
    }
    sender_.receive(*header, now);
    if (is_inproc_ && header->kind == LinkKind::kClose) reconnect();
  }
}

void LinkOut::read_monitor(TimePoint now) {
  while (const auto event = monitor_.next()) {
    if (event->kind == ConnectionEvent::Kind::kEstablished) sender_.on_connected(now);
    if (event->kind != ConnectionEvent::Kind::kDisconnected) continue;
    is_flowing_ = false;
    sender_.on_disconnected(now);
  }
}

// Asks the socket first, unless it took the last packet (asking costs a system call, and credit ends before its
// high-water mark): a packet that it refuses has to be found missing by the protocol.
void LinkOut::write_all(TimePoint now) {
  while (sender_.has_packet() && (is_flowing_ || socket_.writable())) {
    const auto packet = sender_.next_packet(now);
    const Frame header = encode_header(packet->header);
    is_flowing_ = socket_.send({&header, 1}, packet->payload) == Socket::Sent::kYes;
    if (!is_flowing_) break;
  }
  sender_.note_stall(now);
}

void LinkOut::reconnect() {
  is_flowing_ = false;
  socket_.disconnect(address_);
  const auto connected = socket_.connect(address_);
  SLUICE_CHECK(connected.ok());  // It was accepted before, and in-process nobody needs to listen.
}

void LinkOut::watch(Poller& poller) const {
  poller.add_socket(socket_, sender_.has_packet());
  poller.add_socket(monitor_.socket(), false);
  poller.add_timer(sender_.next_timer());
}

}  // namespace sluice::transport
