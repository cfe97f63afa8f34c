// What a decoder accepts before it looks at a single field. Bytes of a peer are hostile: a frame beyond a limit is
// refused with kProtocolViolation and costs nothing but the look at its size.
#pragma once

#include <cstddef>

namespace sluice::transport {

struct DecodeLimits {
  // Of the Cap'n Proto frame; tensors are not counted. What a decoded message takes in memory is bounded by about
  // 24 times this: the smallest list element costs 8 bytes on the wire and up to 200 as a plain value.
  std::size_t message_bytes_max = std::size_t{64} << 20;
  // Of all tensor frames of a message together.
  std::size_t tensor_bytes_max = std::size_t{1} << 30;
};

}  // namespace sluice::transport
