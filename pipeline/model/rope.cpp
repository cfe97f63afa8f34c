#include "pipeline/model/rope.h"

#include <numbers>

#include "kernels/rotary/rotary.h"

namespace sluice {
namespace {

float scaled_llama3(float frequency, const RopeConfig& rope) {
  const auto original = static_cast<float>(rope.original_max_position_embeddings);
  const float length = 2.0f * std::numbers::pi_v<float> / frequency;
  if (length < original / rope.high_freq_factor) return frequency;
  if (length > original / rope.low_freq_factor) return frequency / rope.factor;
  const float smooth = (original / length - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1.0f - smooth) * frequency / rope.factor + smooth * frequency;
}

}  // namespace

std::vector<float> scaled_inverse_frequencies(const RopeConfig& rope, std::uint32_t head_dim) {
  auto frequencies = kernels::rotary_inverse_frequencies(static_cast<double>(rope.theta), head_dim);
  for (auto& frequency : frequencies) {
    switch (rope.scaling) {
      case RopeScaling::kNone: break;
      case RopeScaling::kLinear: frequency /= rope.factor; break;
      case RopeScaling::kLlama3: frequency = scaled_llama3(frequency, rope); break;
    }
  }
  return frequencies;
}

}  // namespace sluice
