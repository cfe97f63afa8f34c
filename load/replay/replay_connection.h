// One connection of a replay: a client that says what it is told, Hello included, and understands the answers.
//
// Owns:      the DEALER socket. Confined: one thread.
// Errors:    kTransportLost once an established connection is gone; kProtocolViolation for what is no answer.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/messages/client.h"
#include "transport/zmq/context.h"
#include "transport/zmq/dealer_socket.h"
#include "transport/zmq/poller.h"

namespace sluice::load {

class ReplayConnection {
 public:
  static Result<ReplayConnection> open(const transport::Context& context, const std::string& address);

  // False: not connected yet, or its queue is full.
  bool send(const ClientMessage& message);
  // The next message that is there, or none.
  Result<std::optional<ServerMessage>> receive();
  void watch(transport::Poller& poller, bool for_writing) const { socket_.watch(poller, for_writing); }
  bool is_established() const { return is_established_; }

 private:
  explicit ReplayConnection(transport::DealerSocket socket) : socket_(std::move(socket)) {}

  transport::DealerSocket socket_;
  bool is_established_ = false;
  bool is_lost_ = false;
};

}  // namespace sluice::load
