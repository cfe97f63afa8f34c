#include "transport/client/connection.h"

#include <algorithm>

#include "transport/codec/client_codec.h"

namespace sluice::transport {

namespace {

const SteadyClock kClock;                                        // Has no state.
constexpr Duration kAgainAfter = std::chrono::milliseconds(20);  // Hello to an engine that went away.

SocketOptions socket_options(const DecodeLimits& limits) {
  SocketOptions options;
  options.max_frame_bytes = limits.message_bytes_max;
  // Never reached: credit bounds what the engine sends. A full queue and heartbeats do not go together (zmq/socket.h).
  options.receive_high_water = 1 << 20;
  // A client may sit behind a slow network: a stopped engine shows after seconds, a dead one at once.
  options.heartbeat_interval = std::chrono::seconds(1);
  options.heartbeat_timeout = std::chrono::seconds(5);
  // An immediate dealer drops what has come in and is not read yet when its connection ends.
  options.immediate = false;
  return options;
}

TimePoint after(TimePoint now, Duration timeout) {
  return timeout >= TimePoint::never() - now ? TimePoint::never() : now + timeout;
}

// Bytes that a message has at least, so that one which is far too large is refused before it is built.
std::size_t content_bytes(const ClientMessage& message) {
  const auto* generate = std::get_if<Generate>(&message);
  if (generate == nullptr) return 0;
  std::size_t bytes = generate->request_id.size() + generate->tenant.size();
  for (const std::string& stop : generate->stop) bytes += stop.size();
  if (const auto* text = std::get_if<std::string>(&generate->prompt)) return bytes + text->size();
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&generate->prompt))
    return bytes + ids->size() * sizeof(TokenId);
  const auto& chat = std::get<ChatPrompt>(generate->prompt);
  bytes += chat.variables.size();
  for (const ChatMessage& one : chat.messages) bytes += one.role.size() + one.content.size() + one.fields.size();
  return bytes;
}

Error too_large(std::size_t bytes, std::size_t limit) {
  return {ErrorCode::kInvalidRequest,
          "message has " + std::to_string(bytes) + " bytes, the engine takes " + std::to_string(limit)};
}

}  // namespace

Result<ClientConnection> ClientConnection::open(const std::string& address, const ClientOptions& options) {
  auto context = options.context ? Result<Context>(*options.context) : Context::create({.keys = options.keys});
  if (!context) return context.error();
  const ReceiveLimits limits{.max_frames = 1, .max_message_bytes = options.limits.message_bytes_max};
  const std::string target = options.server_key ? address_of_server(address, *options.server_key) : address;
  const TimePoint until = after(kClock.now(), options.connect_timeout);
  for (;;) {
    auto socket = DealerSocket::connect(*context, target, socket_options(options.limits), limits);
    if (!socket) return socket.error();
    ClientConnection connection(*std::move(socket), options.limits);
    const auto shaken = connection.shake_hands(options, until);
    if (!shaken) return shaken.error();
    if (*shaken) return connection;
    // An engine that goes away before its Welcome may be restarting. A new socket: this one may still hold the Hello.
    connection.poller_.clear();
    connection.poller_.wait(kClock, std::min(until, after(kClock.now(), kAgainAfter)));
  }
}

Result<bool> ClientConnection::shake_hands(const ClientOptions& options, TimePoint until) {
  const Message hello = encode(ClientMessage(Hello{.client_name = options.client_name, .session = options.session}));
  bool is_sent = false;
  for (;;) {
    const bool is_gone = socket_.take_change() == DealerSocket::Change::kLost;
    if (!socket_.refusal().empty()) {
      return Error{ErrorCode::kInvalidConfig,
                   "the engine at " + socket_.address() + " refuses us: " + socket_.refusal()};
    }
    if (!is_sent) is_sent = socket_.send(hello);
    auto received = take_message();
    if (!received) return received.error();
    if (received->has_value()) {
      if (auto* welcome = std::get_if<Welcome>(&**received)) {
        welcome_ = std::move(*welcome);
        is_lost_ = is_gone;
        break;
      }
      if (auto* failed = std::get_if<Failed>(&**received)) return std::move(failed->error);
      return Error{ErrorCode::kProtocolViolation, "the engine answered Hello with neither Welcome nor Failed"};
    }
    if (kClock.now() >= until) {
      return Error{ErrorCode::kTransportLost, "no engine answers at " + socket_.address() + handshake_hint()};
    }
    if (is_gone) return false;
    wait(until, !is_sent);
  }
  // The change to "established" came before the Welcome; from now on every change is a loss.
  if (socket_.take_change() == DealerSocket::Change::kLost) is_lost_ = true;
  return true;
}

Result<void> ClientConnection::send(const ClientMessage& message) {
  note_loss();
  if (is_lost_) return lost_error();
  const std::size_t limit = welcome_.message_bytes_max;
  if (const std::size_t bytes = content_bytes(message); bytes > limit) return too_large(bytes, limit);
  const Message encoded = encode(message);
  if (size_bytes(encoded) > limit) return too_large(size_bytes(encoded), limit);
  if (socket_.send(encoded)) return {};
  note_loss();
  if (is_lost_) return lost_error();
  return Error{ErrorCode::kOverloaded, "the connection's outbound queue is full"};
}

Result<std::optional<ServerMessage>> ClientConnection::receive(Duration timeout) {
  const TimePoint until = after(kClock.now(), timeout);
  for (;;) {
    note_loss();  // Before the look: what came in ahead of a loss is seen by the look that follows it.
    auto received = take_message();
    if (!received || received->has_value()) return received;
    if (is_lost_) return lost_error();
    if (kClock.now() >= until) return std::optional<ServerMessage>();
    wait(until, false);
  }
}

Result<std::optional<ServerMessage>> ClientConnection::take_message() {
  const auto message = socket_.receive();
  if (message) {
    auto decoded = decode_server_message(*message, limits_);
    if (!decoded) return std::move(decoded).error();
    return std::optional<ServerMessage>(*std::move(decoded));
  }
  if (socket_.refused() > 0) return Error{ErrorCode::kProtocolViolation, "the engine's message is beyond the limits"};
  return std::optional<ServerMessage>();
}

void ClientConnection::note_loss() {
  // Also "established": the loss before it was shorter than the time between two looks.
  if (socket_.take_change() != DealerSocket::Change::kNone) is_lost_ = true;
}

std::string ClientConnection::handshake_hint() const {
  const std::uint64_t broken = socket_.broken_handshakes();
  if (broken == 0) return {};
  return ": " + std::to_string(broken) + " handshakes broke off (is its public key the right one?)";
}

Error ClientConnection::lost_error() const {
  return {ErrorCode::kTransportLost, "the connection to " + socket_.address() + " is lost"};
}

void ClientConnection::wait(TimePoint until, bool for_writing) {
  poller_.clear();
  socket_.watch(poller_, for_writing);
  poller_.wait(kClock, until);
}

}  // namespace sluice::transport
