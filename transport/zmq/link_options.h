// What a link's limits mean for its socket. For the drivers of links.
#pragma once

#include <algorithm>

#include "transport/link/header_codec.h"
#include "transport/link/types.h"
#include "transport/zmq/socket.h"

namespace sluice::transport {

// Control packets that may lie in the pipe beside the data.
inline constexpr std::uint32_t kControlHeadroom = 256;

inline SocketOptions socket_options(const LinkLimits& limits) {
  SocketOptions options;
  // A window, the same again as resent, and control: credit ends first.
  const std::uint32_t high_water =
      std::min(2 * std::min(limits.window.messages, 1u << 20) + kControlHeadroom, 1u << 30);
  options.send_high_water = static_cast<int>(high_water);
  options.receive_high_water = static_cast<int>(high_water);
  options.max_frame_bytes = std::max<std::uint64_t>(limits.max_message_bytes, kMaxHeaderBytes);
  options.heartbeat_interval = limits.socket_heartbeat_interval;
  options.heartbeat_timeout = limits.socket_heartbeat_timeout;
  options.immediate = true;
  options.router_mandatory = true;
  options.router_handover = true;
  return options;
}

// Header and route come on top of the frames of a message.
inline ReceiveLimits receive_limits(const LinkLimits& limits) {
  return {limits.max_frames + 2u, limits.max_message_bytes + kMaxHeaderBytes + 255};
}

}  // namespace sluice::transport
