// Linear layers that have a matrix of their own for each head, in both directions.
//
//   head_linear             y[t, h, n] = sum_k x[t, h, k] * w[h][n, k]    w[h] [N, K]: rows are outputs, as in linear.h
//   head_linear_transposed  y[t, h, n] = sum_k x[t, h, k] * w[h][k, n]    w[h] [K, N]: rows are inputs
//
// Shapes:     x [T, num_heads, K], y [T, num_heads, N] f32, which does not overlap x. T, N or K may be 0.
// Dtypes:     x f32; w f32 or bf16 widened exactly; products and sums in f32.
// Alignment:  w to nothing, x and y as floats.
// Invariance: head_linear is linear() of each head. Transposed, an output is one chain along k from 0 on. Its bits
//             depend on x[t, h], w[h] and the path alone, not on T, other heads, N, threads.
// Tolerance:  head_linear as linear(); transposed (K + 8) * 2^-24 * sum_k |x * w| against the reference (double).
#pragma once

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

void head_linear(const CpuContext& context, HeadsView<const float> x, const HeadWeightsView& w, HeadsView<float> y);
void head_linear_transposed(const CpuContext& context, HeadsView<const float> x, const HeadWeightsView& w,
                            HeadsView<float> y);

// The same by plain loops in double, for tests.
void head_linear_reference(HeadsView<const float> x, const HeadWeightsView& w, HeadsView<float> y);
void head_linear_transposed_reference(HeadsView<const float> x, const HeadWeightsView& w, HeadsView<float> y);

}  // namespace sluice::kernels
