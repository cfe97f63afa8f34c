// Rounds f32 activations to bf16: nearest, ties to even, denormals to zero (base/dtype.h to_bf16). The input of a
// matrix product in bf16 is converted once and serves every product that reads it.
//
// Shapes:     x, y [T, n].
// Invariance: element-wise; the bits are the same on every instruction set path. Tolerance: none, equal to the
// reference.
#pragma once

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

void convert_to_bf16(const CpuContext& context, MatrixView<const float> x, MatrixView<BF16> y);

// The same by plain loops, for tests.
void convert_to_bf16_reference(MatrixView<const float> x, MatrixView<BF16> y);

}  // namespace sluice::kernels
