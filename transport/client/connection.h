// One connection of a client: encoded messages out, decoded messages in, and the one moment at which it is lost.
//
// A connection that breaks is never mended: the engine knows the requests by it, so a silent reconnection by ZeroMQ
// would leave the client waiting for answers that go nowhere. The first sign of a loss is final.
//
// Owns:      the DEALER socket. Confined: one thread.
// Errors:    kTransportLost from the loss on; messages that came in before are delivered first.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/messages/client.h"
#include "transport/client/client.h"
#include "transport/zmq/dealer_socket.h"
#include "transport/zmq/poller.h"

namespace sluice::transport {

class ClientConnection {
 public:
  // Connects and shakes hands.
  static Result<ClientConnection> open(const std::string& address, const ClientOptions& options);

  const Welcome& welcome() const { return welcome_; }
  Result<void> send(const ClientMessage& message);
  // The next message from the engine, or none until `timeout` has passed.
  Result<std::optional<ServerMessage>> receive(Duration timeout);
  // See Client::watch.
  void watch(Poller& poller, bool for_writing) const { socket_.watch(poller, for_writing); }

 private:
  ClientConnection(DealerSocket socket, const DecodeLimits& limits) : socket_(std::move(socket)), limits_(limits) {}

  // False: the engine went away before its Welcome.
  Result<bool> shake_hands(const ClientOptions& options, TimePoint until);
  // What the socket has at once: a message, none, or the error that ends everything.
  Result<std::optional<ServerMessage>> take_message();
  void note_loss();
  Error lost_error() const;
  std::string handshake_hint() const;
  void wait(TimePoint until, bool for_writing);

  DealerSocket socket_;
  DecodeLimits limits_;
  Poller poller_;
  Welcome welcome_;
  bool is_lost_ = false;
};

}  // namespace sluice::transport
