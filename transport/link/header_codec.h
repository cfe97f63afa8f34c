// Bytes of a link header: transport/schema/link.capnp, one Cap'n Proto message in one frame.
#pragma once

#include <cstddef>
#include <span>

#include "base/error.h"
#include "transport/link/types.h"

namespace sluice::transport {

// Longer headers are refused unread.
inline constexpr std::size_t kMaxHeaderBytes = 512;

Frame encode_header(const LinkHeader& header);

// Bytes may be hostile and need no alignment. Errors: kProtocolViolation for anything that is no header of a kind and
// reason that we know, kUnsupportedVersion for another version of the link protocol.
Result<LinkHeader> decode_header(std::span<const std::byte> bytes);

}  // namespace sluice::transport
