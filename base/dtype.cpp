#include "base/dtype.h"

#include <cmath>

namespace sluice {

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::kF32: return "f32";
    case DType::kBF16: return "bf16";
    case DType::kF16: return "f16";
  }
  return "unknown";
}

std::optional<DType> parse_dtype(std::string_view name) {
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    if (name == to_string(dtype)) return dtype;
  }
  return std::nullopt;
}

BF16 to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return {static_cast<std::uint16_t>((bits >> 16) | 0x40)};
  if ((bits & 0x7f800000u) == 0) return {static_cast<std::uint16_t>((bits >> 16) & 0x8000u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

float to_f32(F16 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000u) << 16;
  const std::uint32_t exponent = (x.bits >> 10) & 0x1fu;
  const std::uint32_t mantissa = x.bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  return sign != 0 ? -magnitude : magnitude;
}

F16 to_f16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  if (std::isnan(x)) return {static_cast<std::uint16_t>(sign | 0x7e00u | ((bits >> 13) & 0x1ffu))};
  const float magnitude = std::fmin(std::fabs(x), kF16Max);
  // Below 2^-14 a step is 2^-24: there nearbyint() rounds, as the default mode does, ties to even.
  if (magnitude < 0x1p-14f)
    return {static_cast<std::uint16_t>(sign | static_cast<unsigned>(std::nearbyint(magnitude * 0x1p24f)))};
  const auto normal = std::bit_cast<std::uint32_t>(magnitude);
  const std::uint32_t rounded = normal - (112u << 23) + 0xfffu + ((normal >> 13) & 1u);
  return {static_cast<std::uint16_t>(sign | (rounded >> 13))};
}

}  // namespace sluice
