// Rotary position embedding, of pairs that lie half a head apart ("rotate_half", most of Hugging Face's models) or side
// by side (DeepSeek's "rope_interleave").
//
// For 2 * F elements h of a head that rotate, with cosines c[t, i] and sines s[t, i], i < F:
//   halves:       a = h[i],     b = h[i + F]
//   interleaved:  a = h[2 * i], b = h[2 * i + 1]
//   a' = a * c[t, i] - b * s[t, i],  b' = b * c[t, i] + a * s[t, i]
// The results take the places of a and b. (transformers moves the results of interleaved pairs to halves. Scores do not
// change where queries and keys have one order, and a cache is nobody else's to read.)
//
// c[t, i] = magnitude * cos(a), s[t, i] = magnitude * sin(a), a = float(position[t]) * inverse_frequencies[i] in f32,
// as transformers computes it; cosine and sine of that f32 angle are taken in double and rounded once.
//
// The angles of a step are computed once and serve queries and keys of every layer. Scaled variants (llama3, YaRN)
// differ in the inverse frequencies and the magnitude only.
//
// Invariance: element-wise; a token's bits depend on its position and the inputs alone, the same in both forms.
// Tolerance:  2e-7 * magnitude * (|a| + |b|) against the reference (double): three roundings.
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

enum class RotaryPairs : std::uint8_t { kHalves, kInterleaved };

// Rotates in place the elements that x shows: [T, num_heads, 2 * F] f32. Of a head that rotates in part, x is that part
// (HeadsView::part), wherever it lies; a key that all heads share is one head. cosines and sines are [T, F].
void apply_rotary(const CpuContext& context, HeadsView<float> x, RotaryPairs pairs, MatrixView<const float> cosines,
                  MatrixView<const float> sines);

// Rotates halves in place in every head of x [T, num_heads * head_dim] f32, of each its first 2 * F elements; cosines
// and sines are [T, F] with 2 * F <= head_dim, and head_dim divides x.columns.
void apply_rotary(const CpuContext& context, MatrixView<float> x, std::size_t head_dim, MatrixView<const float> cosines,
                  MatrixView<const float> sines);

// The same by plain loops in double, for tests.
void apply_rotary_reference(HeadsView<float> x, RotaryPairs pairs, MatrixView<const float> cosines,
                            MatrixView<const float> sines);
void apply_rotary_reference(MatrixView<float> x, std::size_t head_dim, MatrixView<const float> cosines,
                            MatrixView<const float> sines);

}  // namespace sluice::kernels
