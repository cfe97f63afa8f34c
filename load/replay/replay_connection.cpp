#include "load/replay/replay_connection.h"

#include "transport/codec/client_codec.h"

namespace sluice::load {

Result<ReplayConnection> ReplayConnection::open(const transport::Context& context, const std::string& address) {
  const transport::DecodeLimits limits;
  transport::SocketOptions options;
  options.max_frame_bytes = limits.message_bytes_max;
  options.receive_high_water = 1 << 20;  // Never reached: credit bounds what the engine sends.
  options.heartbeat_interval = std::chrono::seconds(1);
  options.heartbeat_timeout = std::chrono::seconds(5);
  auto socket = transport::DealerSocket::connect(context, address, options,
                                                 {.max_frames = 1, .max_message_bytes = limits.message_bytes_max});
  if (!socket.ok()) return std::move(socket).error();
  return ReplayConnection(*std::move(socket));
}

bool ReplayConnection::send(const ClientMessage& message) {
  return socket_.send(transport::encode(message));
}

Result<std::optional<ServerMessage>> ReplayConnection::receive() {
  // Before the look: what came in ahead of a loss is seen by the look that follows it.
  const auto change = socket_.take_change();
  if (change == transport::DealerSocket::Change::kLost) is_lost_ = true;
  if (change == transport::DealerSocket::Change::kEstablished) {
    if (is_established_) is_lost_ = true;  // A loss between two looks.
    is_established_ = true;
  }
  if (const auto message = socket_.receive()) {
    auto decoded = transport::decode_server_message(*message);
    if (!decoded.ok()) return std::move(decoded).error();
    return std::optional<ServerMessage>(*std::move(decoded));
  }
  if (is_lost_) return Error{ErrorCode::kTransportLost, "the connection to " + socket_.address() + " is lost"};
  return std::optional<ServerMessage>();
}

}  // namespace sluice::load
