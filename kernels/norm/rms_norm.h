// Root mean square norm: y[t, i] = x[t, i] / sqrt(mean_i(x[t, i]^2) + epsilon) * weight[i].
//
// Shapes:     x, y [T, n] f32, weight [n] f32 or bf16 (one row). y may be x itself; otherwise they do not overlap.
//             Of part of each row: views of that part, with the rows' stride. Of each head (query and key norms): the
//             rows [T, heads * n] seen as [T * heads, n].
// Invariance: the sum of squares of a row is four chains of vectors along n and one fixed tree: bits depend on the row,
//             the weight, epsilon and the instruction set path alone.
// Tolerance:  relative 2e-6 against the reference (double): the chain's rounding, one square root, three products.
#pragma once

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

void rms_norm(const CpuContext& context, MatrixView<const float> x, const WeightView& weight, float epsilon,
              MatrixView<float> y);

// The same by plain loops in double, for tests.
void rms_norm_reference(MatrixView<const float> x, const WeightView& weight, float epsilon, MatrixView<float> y);

}  // namespace sluice::kernels
