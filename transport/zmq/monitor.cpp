#include "transport/zmq/monitor.h"

#include <zmq.h>

#include <atomic>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "transport/zmq/address.h"

namespace sluice::transport {
namespace {

// libzmq blocks its I/O thread when the monitor's pipe is full: far more than the connections that come and go between
// two looks at it.
constexpr int kMonitorHighWater = 100000;
constexpr long kReleaseWaitMs = 1000;

std::string next_address() {
  static std::atomic<std::uint64_t> counter{0};
  return "inproc://sluice-monitor-" + std::to_string(++counter);
}

// Event and value. First frame: 16 bits of event, 32 bits of value without padding in between.
std::pair<std::uint16_t, std::int32_t> event_of(const Socket::Received& received) {
  std::uint16_t event = 0;
  std::int32_t value = 0;
  if (received.frames.size() == 2 && received.frames[0].size() == sizeof(event) + sizeof(value)) {
    std::memcpy(&event, received.frames[0].bytes().data(), sizeof(event));
    std::memcpy(&value, received.frames[0].bytes().data() + sizeof(event), sizeof(value));
  }
  return {event, value};
}

}  // namespace

Result<SocketMonitor> SocketMonitor::watch(const Socket& socket) {
  const std::string address = next_address();
  if (zmq_socket_monitor(socket.raw(), address.c_str(),
                         ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                             ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                             ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_MONITOR_STOPPED) != 0) {
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

void SocketMonitor::release_at_end(const std::string& endpoint) {
  const Result<CurveAddress> parsed = parse_curve_address(endpoint);
  SLUICE_CHECK(parsed.ok());  // It is a socket's own.
  bound_ = parsed->endpoint;
}

SocketMonitor& SocketMonitor::operator=(SocketMonitor&& other) noexcept {
  stop();
  watched_ = std::move(other.watched_);
  pair_ = std::move(other.pair_);
  bound_ = std::move(other.bound_);
  lost_ = std::move(other.lost_);
  return *this;
}

SocketMonitor::~SocketMonitor() {
  stop();
}

// Before the pair closes: an event for a monitor that nobody reads would block the I/O thread.
void SocketMonitor::stop() {
  if (watched_ == nullptr) return;
  if (!bound_.empty()) release();
  zmq_socket_monitor(watched_.get(), nullptr, 0);
}

void SocketMonitor::release() {
  if (zmq_unbind(watched_.get(), bound_.c_str()) != 0 || is_inproc(bound_)) return;
  // The listener is closed by an I/O thread, in microseconds; the bound is for a machine in trouble.
  wait_for(ZMQ_EVENT_CLOSED, kReleaseWaitMs);
}

void SocketMonitor::close(Socket watched) {
  SLUICE_CHECK(watched.raw_ == watched_);
  // Peers in this process have what was sent, and let go when their threads next turn to their sockets.
  if (is_inproc(watched.endpoint())) return release_at_end(watched.endpoint());
  watched_.reset();
  watched.raw_.reset();
  // However long: where events are not read, an I/O thread waits for it.
  wait_for(ZMQ_EVENT_MONITOR_STOPPED, -1);
}

void SocketMonitor::wait_for(std::uint16_t event, long wait_ms) {
  for (;;) {
    while (const auto received = pair_.receive(ReceiveLimits{})) {
      if (event_of(*received).first == event) return;
    }
    zmq_pollitem_t item{pair_.raw(), -1, ZMQ_POLLIN, 0};
    if (zmq_poll(&item, 1, wait_ms) == 0) return;
  }
}

std::optional<ConnectionEvent> SocketMonitor::next() {
  while (auto received = pair_.receive(ReceiveLimits{})) {
    const auto [event, value] = event_of(*received);
    switch (event) {
      case ZMQ_EVENT_ACCEPTED: lost_.erase(value); return ConnectionEvent{ConnectionEvent::Kind::kAccepted, value};
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        lost_.erase(value);
        return ConnectionEvent{ConnectionEvent::Kind::kEstablished, value};
      case ZMQ_EVENT_DISCONNECTED:
        lost_.insert(value);
        return ConnectionEvent{ConnectionEvent::Kind::kDisconnected, value};
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return ConnectionEvent{ConnectionEvent::Kind::kRefused, -1};
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return ConnectionEvent{ConnectionEvent::Kind::kMismatched, -1};
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return ConnectionEvent{ConnectionEvent::Kind::kBroken, -1};
      default: break;
    }
  }
  return std::nullopt;
}

}  // namespace sluice::transport
