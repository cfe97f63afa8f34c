// Expands block-scaled float8_e4m3fn weights (DeepSeek-V3's published form) to bf16 when they are loaded.
//
//   y[i, j] = bf16(e4m3(x[i, j]) * scales[i / block_rows, j / block_columns])     rounded to nearest, ties to even
//
// e4m3fn: sign, 4 bits of exponent with bias 7, 3 of mantissa; no infinities, 0x7f and 0xff are NaN, 448 the largest.
//
// Shapes:     x, y [N, K], scales ("weight_scale_inv") [ceil(N / block_rows), ceil(K / block_columns)] f32.
// Alignment:  scales to nothing, y as its type.
// Faults:     an element that is no finite number afterwards (a NaN code, a NaN or infinite scale, overflow) is
//             counted; what is written for it is not finite either.
// Invariance: element-wise; the bits are the same on every path. Tolerance: none, equal to the reference.
#pragma once

#include <cstdint>

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

struct BlockScales {
  WeightView scales;  // f32.
  std::size_t block_rows = 128;
  std::size_t block_columns = 128;
};

struct Fp8Faults {
  std::size_t count = 0;  // Elements.
  // Of the first of them, row by row; 0 where there is none.
  std::size_t row = 0;
  std::size_t column = 0;

  friend bool operator==(const Fp8Faults&, const Fp8Faults&) = default;
};

Fp8Faults convert_fp8_to_bf16(const CpuContext& context, MatrixView<const std::uint8_t> x, const BlockScales& scales,
                              MatrixView<BF16> y);

// The same by plain loops, for tests.
Fp8Faults convert_fp8_to_bf16_reference(MatrixView<const std::uint8_t> x, const BlockScales& scales,
                                        MatrixView<BF16> y);

}  // namespace sluice::kernels
