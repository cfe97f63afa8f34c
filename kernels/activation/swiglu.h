// Gated activation of the feed-forward layer: y = silu(gate) * up, silu(v) = v / (1 + exp(-v)).
//
// Shapes:     gate, up, y [T, n] f32. y may be gate or up themselves; otherwise it overlaps neither.
// Invariance: element-wise.
// Tolerance:  relative 1e-6 against the reference (double), absolute 1e-30 near the ends of f32's range, where exp(-v)
//             overflows to infinity and the result to zero.
#pragma once

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

void swiglu(const CpuContext& context, MatrixView<const float> gate, MatrixView<const float> up, MatrixView<float> y);

// The same by plain loops in double, for tests.
void swiglu_reference(MatrixView<const float> gate, MatrixView<const float> up, MatrixView<float> y);

}  // namespace sluice::kernels
