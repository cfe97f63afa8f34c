#include "transport/zmq/dealer_socket.h"

#include <utility>

#include "base/check.h"

namespace sluice::transport {

Result<DealerSocket> DealerSocket::connect(const Context& context, const std::string& address,
                                           const SocketOptions& options, const ReceiveLimits& limits) {
  auto socket = Socket::create(context, SocketType::kDealer, options);
  if (!socket.ok()) return socket.error();
  auto monitor = SocketMonitor::watch(*socket);
  if (!monitor.ok()) return monitor.error();
  if (auto connected = socket->connect(address); !connected.ok()) return connected.error();
  // Of an encrypted one people want to read where it leads, not the key.
  const CurveAddress parsed = *parse_curve_address(address);
  return DealerSocket(std::move(*socket), std::move(*monitor), parsed.endpoint, parsed.is_encrypted, limits);
}

bool DealerSocket::send(const Message& message) {
  SLUICE_CHECK(!message.empty());
  return socket_.send({}, message) == Socket::Sent::kYes;
}

std::optional<Message> DealerSocket::receive() {
  while (auto received = socket_.receive(limits_)) {
    if (!received->frames.empty()) return std::move(received->frames);
    ++refused_;
  }
  return std::nullopt;
}

DealerSocket::Change DealerSocket::take_change() {
  Change change = Change::kNone;
  while (const auto event = monitor_.next()) {
    switch (event->kind) {
      case ConnectionEvent::Kind::kEstablished:
        change = Change::kEstablished;
        is_established_ = true;
        break;
      case ConnectionEvent::Kind::kDisconnected:
        if (std::exchange(is_established_, false)) change = Change::kLost;
        break;
      case ConnectionEvent::Kind::kRefused: refusal_ = "our key is not on its list"; break;
      case ConnectionEvent::Kind::kMismatched:
        refusal_ = is_encrypted_ ? "it takes no encrypted connections" : "it takes encrypted connections only";
        break;
      case ConnectionEvent::Kind::kBroken: ++broken_handshakes_; break;
      case ConnectionEvent::Kind::kAccepted: break;
    }
  }
  return change;
}

void DealerSocket::watch(Poller& poller, bool for_writing) const {
  poller.add_socket(socket_, for_writing);
  poller.add_socket(monitor_.socket(), false);
}

}  // namespace sluice::transport
