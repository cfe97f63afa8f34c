#include "load/stalled_clients.h"

#include <utility>

#include "base/messages/client.h"
#include "transport/codec/client_codec.h"
#include "transport/zmq/poller.h"

namespace sluice::load {

namespace {

constexpr std::uint32_t kOutputTokens = 1u << 20;  // As far as the context goes.

transport::SocketOptions options_without_reading() {
  transport::SocketOptions options;
  options.receive_high_water = 1;  // The library does not read ahead for us either.
  options.linger = Duration{0};
  return options;
}

Generate request_of(std::uint32_t number) {
  Generate request;
  request.request_id = "stalled-" + std::to_string(number);
  request.prompt = std::vector<TokenId>(16, 1);
  request.seed = number;
  request.max_tokens = kOutputTokens;
  request.ignore_eos = true;
  return request;
}

// True: sent. False: the time is over.
bool send(transport::DealerSocket& socket, const ClientMessage& message, TimePoint until) {
  const SteadyClock clock;
  const transport::Message frames = transport::encode(message);
  transport::Poller poller;
  while (!socket.send(frames)) {
    if (clock.now() >= until) return false;
    poller.clear();
    socket.watch(poller, true);
    poller.wait(clock, until);
  }
  return true;
}

}  // namespace

Result<StalledClients> StalledClients::open(const transport::Context& context, const std::string& address,
                                            std::uint32_t count, Duration timeout) {
  const SteadyClock clock;
  const TimePoint until = clock.now() + timeout;
  const transport::ReceiveLimits limits{.max_frames = 1, .max_message_bytes = 1u << 20};
  std::vector<transport::DealerSocket> sockets;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto socket = transport::DealerSocket::connect(context, address, options_without_reading(), limits);
    if (!socket) return std::move(socket).error();
    sockets.push_back(*std::move(socket));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool is_sent =
        send(sockets[i], Hello{.client_name = "sluice-load-stalled"}, until) && send(sockets[i], request_of(i), until);
    if (!is_sent) return Error{ErrorCode::kTransportLost, "no connection to " + address + " in time"};
  }
  return StalledClients(std::move(sockets));
}

}  // namespace sluice::load
