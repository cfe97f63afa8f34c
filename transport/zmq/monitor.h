// What happens to a socket's connections: accepted, established, lost. In-process connections give no events.
//
// Owns: the PAIR socket that libzmq reports to. Confined: the thread of the socket it watches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "transport/zmq/socket.h"

namespace sluice::transport {

struct ConnectionEvent {
  enum class Kind : std::uint8_t {
    kAccepted,      // A listener has a new connection; the descriptor may be one that was used before.
    kEstablished,   // Handshake done, either end.
    kDisconnected,  // The connection is gone, and its descriptor may be used again.
  };
  Kind kind = Kind::kAccepted;
  int connection = -1;  // File descriptor, as Socket::Received has it.
};

class SocketMonitor {
 public:
  // Errors: kInternal (out of sockets or file descriptors).
  static Result<SocketMonitor> watch(const Socket& socket);

  SocketMonitor(SocketMonitor&&) noexcept = default;
  SocketMonitor& operator=(SocketMonitor&& other) noexcept;
  ~SocketMonitor();

  // The next event, or none.
  std::optional<ConnectionEvent> next();

  // Whether this connection has ended, by the events taken so far. Messages that came in by it may still be read.
  bool is_lost(int connection) const { return lost_.contains(connection); }

  const Socket& socket() const { return pair_; }

 private:
  SocketMonitor(std::shared_ptr<void> watched, Socket pair) : watched_(std::move(watched)), pair_(std::move(pair)) {}
  void stop();

  std::shared_ptr<void> watched_;
  Socket pair_;
  std::set<int> lost_;  // Ended, and the descriptor not used again.
};

}  // namespace sluice::transport
