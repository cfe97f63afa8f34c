#include "transport/zmq/monitor.h"

#include <zmq.h>

#include <atomic>
#include <cstring>
#include <string>
#include <utility>

namespace sluice::transport {
namespace {

// libzmq blocks its I/O thread when the monitor's pipe is full: far more than the connections that come and go between
// two looks at it.
constexpr int kMonitorHighWater = 100000;

std::string next_address() {
  static std::atomic<std::uint64_t> counter{0};
  return "inproc://sluice-monitor-" + std::to_string(++counter);
}

}  // namespace

Result<SocketMonitor> SocketMonitor::watch(const Socket& socket) {
  const std::string address = next_address();
  if (zmq_socket_monitor(socket.raw(), address.c_str(),
                         ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0) {
    return Error{ErrorCode::kInternal, std::string("cannot monitor a socket: ") + zmq_strerror(zmq_errno())};
  }
  SocketOptions options;
  options.receive_high_water = kMonitorHighWater;
  options.linger = Duration::zero();
  auto pair = Socket::create(socket.context(), SocketType::kPair, options);
  if (!pair.ok()) return pair.error();
  if (auto connected = pair->connect(address); !connected.ok()) return connected.error();
  return SocketMonitor(socket.raw_, std::move(*pair));
}

SocketMonitor& SocketMonitor::operator=(SocketMonitor&& other) noexcept {
  stop();
  watched_ = std::move(other.watched_);
  pair_ = std::move(other.pair_);
  lost_ = std::move(other.lost_);
  return *this;
}

SocketMonitor::~SocketMonitor() {
  stop();
}

// Before the pair closes: an event for a monitor that nobody reads would block the I/O thread.
void SocketMonitor::stop() {
  if (watched_ != nullptr) zmq_socket_monitor(watched_.get(), nullptr, 0);
}

std::optional<ConnectionEvent> SocketMonitor::next() {
  while (auto received = pair_.receive(ReceiveLimits{})) {
    // First frame: 16 bits of event, 32 bits of value, unaligned in between.
    if (received->frames.size() != 2 || received->frames[0].size() != 6) continue;
    std::uint16_t event = 0;
    std::int32_t value = 0;
    std::memcpy(&event, received->frames[0].bytes().data(), sizeof(event));
    std::memcpy(&value, received->frames[0].bytes().data() + sizeof(event), sizeof(value));
    switch (event) {
      case ZMQ_EVENT_ACCEPTED: lost_.erase(value); return ConnectionEvent{ConnectionEvent::Kind::kAccepted, value};
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        lost_.erase(value);
        return ConnectionEvent{ConnectionEvent::Kind::kEstablished, value};
      case ZMQ_EVENT_DISCONNECTED:
        lost_.insert(value);
        return ConnectionEvent{ConnectionEvent::Kind::kDisconnected, value};
      default: break;
    }
  }
  return std::nullopt;
}

}  // namespace sluice::transport
