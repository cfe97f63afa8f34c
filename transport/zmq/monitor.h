// What happens to a socket's connections: accepted, established, lost. In-process connections give no events.
//
// Owns: the PAIR socket that libzmq reports to. Confined: the thread of the socket it watches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"
#include "transport/zmq/socket.h"

namespace sluice::transport {

struct ConnectionEvent {
  enum class Kind : std::uint8_t {
    kAccepted,      // A listener has a new connection; the descriptor may be one that was used before.
    kEstablished,   // Handshake done, either end.
    kDisconnected,  // The connection is gone, and its descriptor may be used again.
    kRefused,       // The handshake failed for good: a key that is not on the other end's list.
    kMismatched,    // The same: one end encrypts, the other does not; at a server also whoever has its key wrong.
    kBroken,        // The connection was lost in the middle of the handshake; it is tried again.
  };
  Kind kind = Kind::kAccepted;
  int connection = -1;  // File descriptor, as Socket::Received has it; not of handshakes that failed.
};

class SocketMonitor {
 public:
  // Errors: kInternal (out of sockets or file descriptors).
  static Result<SocketMonitor> watch(const Socket& socket);

  SocketMonitor(SocketMonitor&&) noexcept = default;
  SocketMonitor& operator=(SocketMonitor&& other) noexcept;
  ~SocketMonitor();

  // Makes the monitor free the address of the watched socket when it ends, so that it can be bound again at once.
  // (Closing alone does so some time later, on a ZeroMQ thread.) Call after binding.
  void release_at_end(const std::string& endpoint);

  // Closes the watched socket and returns when it is gone: what it was sent is with the peers' systems, or as much of
  // it as they took in the socket's linger time, and its address is free. (zmq_unbind() would drop what connections
  // have not written yet, zmq_close() alone returns before. In-process peers are not waited for.) The last call.
  void close(Socket watched);

  // The next event, or none.
  std::optional<ConnectionEvent> next();

  // Whether this connection has ended, by the events taken so far. Messages that came in by it may still be read.
  bool is_lost(int connection) const { return lost_.contains(connection); }

  const Socket& socket() const { return pair_; }

 private:
  SocketMonitor(std::shared_ptr<void> watched, Socket pair) : watched_(std::move(watched)), pair_(std::move(pair)) {}
  void stop();
  void release();
  // Reads events until that one has come, or none comes for `wait_ms`; negative: however long.
  void wait_for(std::uint16_t event, long wait_ms);

  std::shared_ptr<void> watched_;
  Socket pair_;
  std::string bound_;   // Endpoint to be freed, or empty.
  std::set<int> lost_;  // Ended, and the descriptor not used again.
};

}  // namespace sluice::transport
