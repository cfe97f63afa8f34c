#include <cmath>

#include "kernels/convert/fp8.h"
#include "kernels/weight_element.h"

namespace sluice::kernels {
namespace {

float e4m3_to_f32(std::uint8_t bits) {
  const int exponent = (bits >> 3) & 15;
  const int mantissa = bits & 7;
  const float sign = (bits & 0x80) != 0 ? -1.0f : 1.0f;
  if (exponent == 15 && mantissa == 7) return NAN;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -9);
  return sign * std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
}

}  // namespace

Fp8Faults convert_fp8_to_bf16_reference(MatrixView<const std::uint8_t> x, const BlockScales& scales,
                                        MatrixView<BF16> y) {
  Fp8Faults faults;
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.columns; ++j) {
      const float scale = weight_at(scales.scales, i / scales.block_rows, j / scales.block_columns);
      y.row(i)[j] = to_bf16(e4m3_to_f32(x.row(i)[j]) * scale);
      if (std::isfinite(to_f32(y.row(i)[j]))) continue;
      if (faults.count++ != 0) continue;
      faults.row = i;
      faults.column = j;
    }
  }
  return faults;
}

}  // namespace sluice::kernels
