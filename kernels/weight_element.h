// One element of a weight tensor, widened: for the references, bounds in tests and single values, not for loops over
// matrices.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/check.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

inline float weight_at(const WeightView& weight, std::size_t row, std::size_t column) {
  const std::size_t index = row * weight.stride() + column;
  const auto* bytes = static_cast<const unsigned char*>(weight.data) + index * size_bytes(weight.dtype);
  if (weight.dtype == DType::kF32) {
    float value;
    std::memcpy(&value, bytes, sizeof(value));
    return value;
  }
  SLUICE_CHECK(weight.dtype == DType::kBF16);
  BF16 value;
  std::memcpy(&value, bytes, sizeof(value));
  return to_f32(value);
}

}  // namespace sluice::kernels
