// Element types of tensors, and both of 16 bits as storage types.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

enum class DType : std::uint8_t { kF32 = 0, kBF16 = 1, kF16 = 2 };

constexpr std::size_t size_bytes(DType dtype) {
  return dtype == DType::kF32 ? 4 : 2;
}

// "f32", "bf16", "f16": the spelling of topology files.
std::string_view to_string(DType dtype);
std::optional<DType> parse_dtype(std::string_view name);

// bfloat16: the upper half of an IEEE binary32.
struct BF16 {
  std::uint16_t bits = 0;

  friend bool operator==(BF16, BF16) = default;
};

inline float to_f32(BF16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

// Rounds to nearest, ties to even; NaN stays a (quiet) NaN. The same bits as VCVTNEPS2BF16, denormals excepted: that
// instruction flushes them to zero, and so does this.
BF16 to_bf16(float x);

// IEEE binary16.
struct F16 {
  std::uint16_t bits = 0;

  friend bool operator==(F16, F16) = default;
};

inline constexpr float kF16Max = 65504.0f;

// Exact.
float to_f32(F16 x);

// Rounds to nearest, ties to even; what is beyond the largest number becomes that; NaN stays a (quiet) NaN. The same
// bits as VCVTPS2PH gives for x within +-kF16Max.
F16 to_f16(float x);

}  // namespace sluice
