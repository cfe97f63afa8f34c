// The other side of the control protocol for tests: a head without actors for worker actors, workers without actors for
// the supervisor.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/messages/control.h"
#include "transport/codec/control_codec.h"
#include "transport/zmq/dealer_socket.h"
#include "transport/zmq/router_socket.h"

namespace sluice::actors {

// Takes messages from `receive` until one is a T, skipping others: waits as long as only a defect takes.
template <class T, class Socket, class Receive>
T wait_for(Socket& socket, const Receive& receive) {
  const SteadyClock clock;
  const TimePoint end = clock.now() + std::chrono::seconds(60);
  transport::Poller poller;
  while (clock.now() < end) {
    while (auto message = receive()) {
      if (auto* wanted = std::get_if<T>(&*message)) return std::move(*wanted);
    }
    poller.clear();
    poller.add(socket);
    poller.wait(clock, end);
  }
  FAIL("the message did not come");
  return {};
}

class FakeHead {
 public:
  FakeHead(const transport::Context& context, const std::string& address)
      : socket_(transport::RouterSocket::bind(context, address, {}, {}).value()) {}

  std::string address() const { return socket_.address(); }
  // The next T of a worker, which is answered from now on.
  template <class T>
  T hear() {
    return wait_for<T>(socket_, [&]() -> std::optional<WorkerMessage> {
      auto incoming = socket_.receive();
      if (!incoming) return std::nullopt;
      worker_ = incoming->route;
      return transport::decode_worker_message(incoming->message).value();
    });
  }
  void say(const HeadMessage& message) { REQUIRE(socket_.send(worker_, transport::encode(message)).value()); }

 private:
  transport::RouterSocket socket_;
  transport::Route worker_;
};

class FakeWorker {
 public:
  FakeWorker(const transport::Context& context, const std::string& address)
      : socket_(transport::DealerSocket::connect(context, address, {}, {}).value()) {}

  template <class T>
  T hear() {
    return wait_for<T>(socket_, [&]() -> std::optional<HeadMessage> {
      auto message = socket_.receive();
      if (!message) return std::nullopt;
      return transport::decode_head_message(*message).value();
    });
  }
  // Waits for the connection where needed.
  void say(const WorkerMessage& message) {
    const SteadyClock clock;
    transport::Poller poller;
    while (!socket_.send(transport::encode(message))) {
      poller.clear();
      socket_.watch(poller, true);
      poller.wait(clock, TimePoint::never());
      socket_.take_change();
    }
  }

 private:
  transport::DealerSocket socket_;
};

}  // namespace sluice::actors
