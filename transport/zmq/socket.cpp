#include "transport/zmq/socket.h"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "base/check.h"
#include "transport/zmq/address.h"
#include "transport/zmq/parts.h"

// Debian's zmq.h has it among the drafts, its libzmq for everybody.
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

namespace sluice::transport {
namespace {

int zmq_type(SocketType type) {
  switch (type) {
    case SocketType::kRouter: return ZMQ_ROUTER;
    case SocketType::kDealer: return ZMQ_DEALER;
    case SocketType::kPair: return ZMQ_PAIR;
  }
  return ZMQ_PAIR;
}

int milliseconds(Duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<std::int64_t>(count, 0, std::numeric_limits<int>::max()));
}

// A call of ours that libzmq refuses although nobody outside can cause it.
[[noreturn]] void bug(const char* call) {
  check_failed(__FILE__, __LINE__, call, zmq_strerror(zmq_errno()));
}

void set_option(void* socket, int option, int value) {
  if (zmq_setsockopt(socket, option, &value, sizeof(value)) != 0) bug("zmq_setsockopt");
}

void set_options(void* socket, SocketType type, const SocketOptions& options) {
  SLUICE_CHECK_GT(options.send_high_water, 0);
  SLUICE_CHECK_GT(options.receive_high_water, 0);
  set_option(socket, ZMQ_SNDHWM, options.send_high_water);
  set_option(socket, ZMQ_RCVHWM, options.receive_high_water);
  set_option(socket, ZMQ_LINGER, milliseconds(options.linger));
  const auto max_bytes = static_cast<std::int64_t>(
      std::min<std::uint64_t>(options.max_frame_bytes, std::numeric_limits<std::int64_t>::max()));
  if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof(max_bytes)) != 0) bug("ZMQ_MAXMSGSIZE");
  set_option(socket, ZMQ_HEARTBEAT_IVL, milliseconds(options.heartbeat_interval));
  if (options.heartbeat_interval > Duration::zero()) {
    set_option(socket, ZMQ_HEARTBEAT_TIMEOUT, milliseconds(options.heartbeat_timeout));
  }
  if (options.keepalive_interval > Duration::zero()) {
    const int interval_s = std::max(1, milliseconds(options.keepalive_interval) / 1000);
    set_option(socket, ZMQ_TCP_KEEPALIVE, 1);
    set_option(socket, ZMQ_TCP_KEEPALIVE_IDLE, interval_s);
    set_option(socket, ZMQ_TCP_KEEPALIVE_INTVL, interval_s);
    set_option(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
  }
  set_option(socket, ZMQ_RECONNECT_IVL, milliseconds(options.reconnect_interval));
  set_option(socket, ZMQ_RECONNECT_IVL_MAX, milliseconds(options.reconnect_interval_max));
  if (type == SocketType::kRouter) {
    set_option(socket, ZMQ_ROUTER_MANDATORY, options.router_mandatory ? 1 : 0);
    set_option(socket, ZMQ_ROUTER_HANDOVER, options.router_handover ? 1 : 0);
  }
  if (type == SocketType::kDealer) {
    set_option(socket, ZMQ_IMMEDIATE, options.immediate ? 1 : 0);
    if (!options.routing_id.empty() &&
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, options.routing_id.data(), options.routing_id.size()) != 0) {
      bug("ZMQ_ROUTING_ID");
    }
  }
}

void set_key(void* socket, int option, const std::array<std::uint8_t, kKeyBytes>& key) {
  if (zmq_setsockopt(socket, option, key.data(), key.size()) != 0) bug("zmq_setsockopt of a key");
}

Error address_error(const char* verb, const std::string& address) {
  const int error = zmq_errno();
  const ErrorCode code = error == EADDRINUSE                    ? ErrorCode::kAddressInUse
                         : error == EMFILE || error == EMTHREAD ? ErrorCode::kInternal
                                                                : ErrorCode::kInvalidConfig;
  return Error{code, std::string("cannot ") + verb + " '" + address + "': " + zmq_strerror(error)};
}

}  // namespace

Result<Socket> Socket::create(const Context& context, SocketType type, const SocketOptions& options) {
  if (options.routing_id.size() > 255) {
    return Error{ErrorCode::kInvalidConfig,
                 "a routing id of " + std::to_string(options.routing_id.size()) + " bytes, the limit is 255"};
  }
  void* raw = zmq_socket(context.raw(), zmq_type(type));
  if (raw == nullptr) {
    return Error{ErrorCode::kInternal, std::string("cannot create a ZeroMQ socket: ") + zmq_strerror(zmq_errno())};
  }
  Socket socket(context, std::shared_ptr<void>(raw, &zmq_close), options);
  set_options(raw, type, options);
  return socket;
}

Result<void> Socket::encrypt(const CurveAddress& address, bool is_server) {
  const KeyPair* keys = context_.keys();
  if (keys == nullptr) {
    return Error{ErrorCode::kInvalidConfig, "address '" + address.endpoint + "': this process has no key"};
  }
  set_key(raw(), ZMQ_CURVE_SECRETKEY, keys->secret_key.bytes);
  if (!is_server) {
    if (!address.server_key) {
      return Error{ErrorCode::kInvalidConfig, "address '" + address.endpoint + "': the key of who listens is missing"};
    }
    set_option(raw(), ZMQ_HANDSHAKE_IVL, milliseconds(handshake_timeout_));
    set_key(raw(), ZMQ_CURVE_PUBLICKEY, keys->public_key.bytes);
    set_key(raw(), ZMQ_CURVE_SERVERKEY, address.server_key->bytes);
    return {};
  }
  set_option(raw(), ZMQ_CURVE_SERVER, 1);
  // Whoever has any key at all would be let in without a domain, or without somebody to ask.
  const std::string_view domain = to_string(domain_);
  if (zmq_setsockopt(raw(), ZMQ_ZAP_DOMAIN, domain.data(), domain.size()) != 0) bug("ZMQ_ZAP_DOMAIN");
  set_option(raw(), ZMQ_ZAP_ENFORCE_DOMAIN, 1);
  is_curve_server_ = true;
  return {};
}

Result<void> Socket::bind(const std::string& text) {
  const Result<CurveAddress> parsed = parse_curve_address(text);
  if (!parsed.ok()) return parsed.error();
  const std::string& address = parsed->endpoint;
  if (auto checked = check_bind_address(address, parsed->is_encrypted || allow_wide_bind_); !checked.ok()) {
    return checked;
  }
  if (parsed->is_encrypted) {
    if (auto encrypted = encrypt(*parsed, true); !encrypted.ok()) return encrypted;
  }
  // libzmq would take the path away from whoever listens there.
  if (is_ipc_path_in_use(address)) {
    return Error{ErrorCode::kAddressInUse, "cannot bind '" + address + "': somebody listens there"};
  }
  if (is_ipv6(address)) set_option(raw(), ZMQ_IPV6, 1);
  if (zmq_bind(raw(), address.c_str()) != 0) return address_error("bind", address);
  return {};
}

Result<void> Socket::connect(const std::string& text) {
  const Result<CurveAddress> parsed = parse_curve_address(text);
  if (!parsed.ok()) return parsed.error();
  const std::string& address = parsed->endpoint;
  if (auto checked = check_address(address); !checked.ok()) return checked;
  if (parsed->is_encrypted) {
    if (auto encrypted = encrypt(*parsed, false); !encrypted.ok()) return encrypted;
  }
  if (is_ipv6(address)) set_option(raw(), ZMQ_IPV6, 1);
  if (zmq_connect(raw(), address.c_str()) != 0) return address_error("connect to", address);
  return {};
}

void Socket::disconnect(const std::string& text) {
  const Result<CurveAddress> parsed = parse_curve_address(text);
  SLUICE_CHECK(parsed.ok());  // We are connected to it.
  const std::string& address = parsed->endpoint;
  // ENOENT: the connection ended by itself, as in-process ones do.
  if (zmq_disconnect(raw(), address.c_str()) != 0 && zmq_errno() != ENOENT) bug("zmq_disconnect");
}

std::string Socket::endpoint() const {
  std::array<char, 512> text{};
  std::size_t size = text.size();
  if (zmq_getsockopt(raw(), ZMQ_LAST_ENDPOINT, text.data(), &size) != 0) bug("ZMQ_LAST_ENDPOINT");
  if (is_curve_server_) return address_of_server(text.data(), context_.keys()->public_key);
  return std::string(text.data());
}

namespace {

bool has_event(void* socket, int event) {
  int events = 0;
  std::size_t size = sizeof(events);
  while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0) {
    if (zmq_errno() != EINTR) bug("ZMQ_EVENTS");
  }
  return (events & event) != 0;
}

}  // namespace

bool Socket::readable() const {
  return has_event(raw(), ZMQ_POLLIN);
}
bool Socket::writable() const {
  return has_event(raw(), ZMQ_POLLOUT);
}

Socket::Sent Socket::send(std::span<const Frame> prefix, const Message& frames) {
  const std::size_t count = prefix.size() + frames.size();
  for (std::size_t i = 0; i < count; ++i) {
    zmq_msg_t part;
    make_part(part, i < prefix.size() ? prefix[i] : frames[i - prefix.size()]);
    const int flags = ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0);
    while (zmq_msg_send(&part, raw(), flags) < 0) {
      const int error = zmq_errno();
      if (error == EINTR) continue;
      zmq_msg_close(&part);
      if (error == EHOSTUNREACH) return Sent::kUnreachable;
      // In the middle of a message it means that the connection ended: libzmq has taken the earlier parts back.
      if (error == EAGAIN) return Sent::kWouldBlock;
      bug("zmq_msg_send");
    }
  }
  return Sent::kYes;
}

std::optional<Socket::Received> Socket::receive(const ReceiveLimits& limits) {
  Received received;
  std::uint64_t bytes = 0;
  bool is_refused = false;
  for (std::size_t i = 0;; ++i) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (zmq_msg_recv(&part, raw(), ZMQ_DONTWAIT) < 0) {
      const int error = zmq_errno();
      if (error == EINTR) continue;
      zmq_msg_close(&part);
      if (error != EAGAIN) bug("zmq_msg_recv");
      // Messages are atomic: once the first part is there, so are the others.
      SLUICE_CHECK_EQ(i, 0u);
      return std::nullopt;
    }
    if (received.connection < 0) received.connection = zmq_msg_get(&part, ZMQ_SRCFD);
    // As for ZMQ_SRCFD: a ROUTER does not always mark its frame with the route.
    if (received.peer.empty() && is_curve_server_ && domain_ == CurveDomain::kControl) {
      if (const char* user = zmq_msg_gets(&part, "User-Id")) received.peer = user;
    }
    const bool has_more = zmq_msg_more(&part) != 0;
    bytes += zmq_msg_size(&part);
    if (i >= limits.max_frames || bytes > limits.max_message_bytes) is_refused = true;
    if (is_refused) {
      received.frames.clear();
    } else {
      received.frames.push_back(adopt_part(part));
    }
    zmq_msg_close(&part);
    if (!has_more) return received;
  }
}

}  // namespace sluice::transport
