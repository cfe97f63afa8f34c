// A client socket with one server: a client of the ingress, a worker of the head.
//
// Connects in the background and again after a loss; what was queued for a lost connection is lost with it.
// Owns: socket and monitor. Confined: one thread, destruction included.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "transport/zmq/monitor.h"
#include "transport/zmq/poller.h"
#include "transport/zmq/socket.h"

namespace sluice::transport {

class DealerSocket {
 public:
  // Errors: as Socket::create and Socket::connect. That nobody listens is no error: it may come.
  static Result<DealerSocket> connect(const Context& context, const std::string& address, const SocketOptions& options,
                                      const ReceiveLimits& limits);

  const std::string& address() const { return address_; }  // Without the key.

  // False: nothing was sent, as the connection is not there (yet) or its queue is full.
  bool send(const Message& message);
  // The next message, or none.
  std::optional<Message> receive();
  // The last thing that happened to the connection since the last call: established, lost after that, or none of both.
  // In-process connections give no such events.
  enum class Change : std::uint8_t { kNone, kEstablished, kLost };
  Change take_change();
  // Why the other end will never take us, by the changes taken so far: our key is not on its list, or one of us
  // encrypts and the other does not. Nothing is tried again then. Empty: it may yet.
  const std::string& refusal() const { return refusal_; }
  // Connections that ended during the handshake: the server goes away, or its public key is not the one we have.
  std::uint64_t broken_handshakes() const { return broken_handshakes_; }

  std::uint64_t refused() const { return refused_; }
  // Waits for messages and for changes; with `for_writing` also until send() can succeed.
  void watch(Poller& poller, bool for_writing = false) const;

 private:
  DealerSocket(Socket socket, SocketMonitor monitor, std::string address, bool is_encrypted,
               const ReceiveLimits& limits)
      : socket_(std::move(socket)),
        monitor_(std::move(monitor)),
        address_(std::move(address)),
        is_encrypted_(is_encrypted),
        limits_(limits) {}

  Socket socket_;
  SocketMonitor monitor_;
  std::string address_;
  bool is_encrypted_ = false;
  bool is_established_ = false;  // By the changes taken so far.
  ReceiveLimits limits_;
  std::uint64_t refused_ = 0;
  std::string refusal_;
  std::uint64_t broken_handshakes_ = 0;
};

}  // namespace sluice::transport
