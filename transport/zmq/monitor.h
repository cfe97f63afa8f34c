// What happens to a socket's connections: accepted, established, lost. In-process connections give no events.
//
// Owns: the PAIR socket that libzmq reports to. Confined: the thread of the socket it watches.
#pragma once

#include <cstdint>
#include <optional>

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

  // The next event, or none.
  std::optional<ConnectionEvent> next();

  const Socket& socket() const { return pair_; }

 private:
  explicit SocketMonitor(Socket pair) : pair_(std::move(pair)) {}

  Socket pair_;
};

}  // namespace sluice::transport
