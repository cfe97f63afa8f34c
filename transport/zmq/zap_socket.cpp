#include "transport/zmq/zap_socket.h"

#include <array>
#include <utility>

namespace sluice::transport {
namespace {

// Route, delimiter, and the seven frames of a request with what an attacker controls of them: the routing id.
constexpr ReceiveLimits kLimits{.max_frames = 9, .max_message_bytes = 4096};

}  // namespace

Result<ZapSocket> ZapSocket::bind(const Context& context) {
  auto socket = Socket::create(context, SocketType::kRouter, {});
  if (!socket.ok()) return socket.error();
  if (auto bound = socket->bind("inproc://zeromq.zap.01"); !bound.ok()) return bound.error();
  return ZapSocket(std::move(*socket));
}

std::optional<ZapSocket::Incoming> ZapSocket::receive() {
  while (auto received = socket_.receive(kLimits)) {
    Message& frames = received->frames;
    if (frames.size() < 2 || frames[1].size() != 0) {
      ++refused_;
      continue;
    }
    const Frame route = std::move(frames.front());
    frames.erase(frames.begin(), frames.begin() + 2);
    auto request = decode_zap_request(frames);
    if (request.ok()) return Incoming{route, std::move(*request)};
    ++refused_;
  }
  return std::nullopt;
}

void ZapSocket::answer(const Incoming& incoming, const Verdict& verdict) {
  const std::array<Frame, 2> prefix{incoming.route, Frame()};
  static_cast<void>(socket_.send(prefix, encode_zap_answer(incoming.request.id, incoming.request.key, verdict)));
}

}  // namespace sluice::transport
