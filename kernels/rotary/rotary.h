// Rotary position embedding in the half-split form of Hugging Face's models ("rotate_half").
//
// For a head h of which the first 2 * F elements rotate, with cosines c[t, i] and sines s[t, i], i < F:
//   y[i]     = h[i] * c[t, i] - h[i + F] * s[t, i]
//   y[i + F] = h[i + F] * c[t, i] + h[i] * s[t, i]
// c[t, i] = magnitude * cos(a), s[t, i] = magnitude * sin(a), a = float(position[t]) * inverse_frequencies[i] in f32,
// as transformers computes it; cosine and sine of that f32 angle are taken in double and rounded once.
//
// The angles of a step are computed once and serve queries and keys of every layer. Scaled variants (llama3, YaRN)
// differ in the inverse frequencies and the magnitude only.
//
// Invariance: element-wise, a token's bits depend on its position and the inputs alone.
// Tolerance:  2e-7 * magnitude * (|h[i]| + |h[i + F]|) against the reference (double): three roundings.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

// inverse_frequencies[i] = 1 / theta^(2 i / rotary_dim) in f32, i < rotary_dim / 2. rotary_dim is even.
std::vector<float> rotary_inverse_frequencies(double theta, std::size_t rotary_dim);

// Fills cosines and sines [T, F] for T positions and F inverse frequencies.
void rotary_angles(const CpuContext& context, std::span<const std::uint32_t> positions,
                   std::span<const float> inverse_frequencies, float magnitude, MatrixView<float> cosines,
                   MatrixView<float> sines);

// Rotates in place every head of x [T, num_heads * head_dim] f32; cosines and sines are [T, F] with 2 * F <= head_dim,
// and head_dim divides x.columns.
void apply_rotary(const CpuContext& context, MatrixView<float> x, std::size_t head_dim, MatrixView<const float> cosines,
                  MatrixView<const float> sines);

// The same by plain loops in double, for tests.
void apply_rotary_reference(MatrixView<float> x, std::size_t head_dim, MatrixView<const float> cosines,
                            MatrixView<const float> sines);

}  // namespace sluice::kernels
