// The socket at which libzmq asks whether whoever has shown a key may connect. One per context, made before any socket
// that encrypts is bound: without it, nobody is let in.
//
// Owns:    a ROUTER at inproc://zeromq.zap.01. Confined: one thread, destruction included; movable before it is used.
// Errors:  bind() -> kAddressInUse where the context has one. What is no request is counted and answered with nobody:
//          only libzmq itself can send it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "transport/curve/zap_message.h"
#include "transport/zmq/poller.h"
#include "transport/zmq/socket.h"

namespace sluice::transport {

class ZapSocket {
 public:
  struct Incoming {
    Frame route;
    ZapRequest request;
  };

  static Result<ZapSocket> bind(const Context& context);

  std::optional<Incoming> receive();
  // Each request wants one answer. One whose connection has gone meanwhile gets none.
  void answer(const Incoming& incoming, const Verdict& verdict);

  std::uint64_t refused() const { return refused_; }  // Messages that were no requests.
  void watch(Poller& poller) const { poller.add_socket(socket_, false); }

 private:
  explicit ZapSocket(Socket socket) : socket_(std::move(socket)) {}

  Socket socket_;
  std::uint64_t refused_ = 0;
};

}  // namespace sluice::transport
