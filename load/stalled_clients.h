// Clients that ask and never read, beside a run of load: what they cost the others is what the run then shows. They
// grant no more than the engine's window; their requests are set aside, and keep their places.
//
// Owns:    their sockets; the engine learns that they are gone when this object is destroyed.
// Thread:  one.
// Errors:  kTransportLost: no connection in time. Else what DealerSocket::connect says of the address.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "transport/zmq/dealer_socket.h"

namespace sluice::load {

class StalledClients {
 public:
  // Connects so many and sends a request of each; waits until the last has been sent, not for any answer.
  static Result<StalledClients> open(const transport::Context& context, const std::string& address, std::uint32_t count,
                                     Duration timeout);

 private:
  explicit StalledClients(std::vector<transport::DealerSocket> sockets) : sockets_(std::move(sockets)) {}

  std::vector<transport::DealerSocket> sockets_;
};

}  // namespace sluice::load
