// Linear layer: y[t, n] = sum_k x[t, k] * w[n, k] + bias[n], or with `accumulate` y[t, n] += that (a residual).
//
// Shapes:     x [T, K], w [N, K] as it lies in the file (docs/decisions/0004), rows w.stride() apart, bias [N] in one
//             row or empty, y [T, N] f32, which overlaps neither. T, N or K may be 0 (an empty sum is 0).
// Dtypes:     x f32, w f32 or bf16 widened exactly, products and sums in f32; bias f32 or bf16, whatever w is.
// Alignment:  w and bias to nothing, x and y as their types.
// Invariance: one output is one chain of vector accumulators along K and one fixed tree at its end, the same in every
//             tile of the loop: its bits depend on x[t], w[n], bias[n] (and the old y[t, n]) and the path alone, not on
//             T, N, threads or neighbours.
// Tolerance:  against the reference (double) (K / lanes + 8) * 2^-24 * sum_k |x * w|: the bound of a chain in f32.
#pragma once

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

struct LinearOptions {
  WeightView bias;          // [N] in one row, or empty().
  bool accumulate = false;  // Add to what y holds.
};

void linear(const CpuContext& context, MatrixView<const float> x, const WeightView& w, MatrixView<float> y,
            const LinearOptions& options = {});

// The same by plain loops in double, for tests.
void linear_reference(MatrixView<const float> x, const WeightView& w, MatrixView<float> y,
                      const LinearOptions& options = {});

}  // namespace sluice::kernels
