// How often each error code occurred, as a plain value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/error.h"

namespace sluice {

struct ErrorCounts {
  static constexpr std::size_t kCodesMax = 32;  // Above every code there is.

  std::array<std::uint64_t, kCodesMax> by_code{};

  void add(ErrorCode code) { ++by_code[static_cast<std::size_t>(code) % kCodesMax]; }
  std::uint64_t of(ErrorCode code) const { return by_code[static_cast<std::size_t>(code) % kCodesMax]; }

  friend bool operator==(const ErrorCounts&, const ErrorCounts&) = default;
};

}  // namespace sluice
