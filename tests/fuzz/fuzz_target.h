// One decoder of outside bytes under test. Linked with libFuzzer (tools/fuzz) or with replay.cpp (a plain test).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "transport/frame.h"

// Must not crash, whatever the bytes; properties of what was decoded are checked with SLUICE_CHECK.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A frame at an address that is aligned to nothing, as sockets may give them.
inline transport::Frame as_frame(const std::uint8_t* data, std::size_t size) {
  const auto copy = std::make_shared<std::vector<std::byte>>(size + 1);
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::copy(bytes, bytes + size, copy->begin() + 1);
  return {copy, std::span<const std::byte>(*copy).subspan(1)};
}

}  // namespace sluice::fuzz
