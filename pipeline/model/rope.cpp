#include "pipeline/model/rope.h"

#include <algorithm>
#include <cmath>
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

// Between which pairs YaRN blends.
class YarnRamp {
 public:
  YarnRamp(const RopeConfig& rope, std::uint32_t rotary_dim) {
    double low = dimension_of(rope.beta_fast, rope, rotary_dim);
    double high = dimension_of(rope.beta_slow, rope, rotary_dim);
    if (rope.truncates) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(rotary_dim) - 1.0);
    low_ = static_cast<float>(low);
    span_ = static_cast<float>(low == high ? 0.001 : high - low);
  }

  // 0: as it was; 1: divided by factor.
  float at(std::size_t pair) const { return std::clamp((static_cast<float>(pair) - low_) / span_, 0.0f, 1.0f); }

 private:
  // The dimension whose wave fits `rotations` times into the context before it was stretched.
  static double dimension_of(float rotations, const RopeConfig& rope, std::uint32_t rotary_dim) {
    const double length = rope.original_max_position_embeddings;
    const double waves = length / (static_cast<double>(rotations) * 2.0 * std::numbers::pi);
    return rotary_dim * std::log(waves) / (2.0 * std::log(static_cast<double>(rope.theta)));
  }

  float low_ = 0.0f;
  float span_ = 1.0f;
};

void scale_yarn(std::vector<float>& frequencies, const RopeConfig& rope, std::uint32_t rotary_dim) {
  const YarnRamp ramp(rope, rotary_dim);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float kept = 1.0f - ramp.at(i);
    frequencies[i] = frequencies[i] / rope.factor * (1.0f - kept) + frequencies[i] * kept;
  }
}

}  // namespace

std::vector<float> scaled_inverse_frequencies(const RopeConfig& rope, std::uint32_t rotary_dim) {
  auto frequencies = kernels::rotary_inverse_frequencies(static_cast<double>(rope.theta), rotary_dim);
  switch (rope.scaling) {
    case RopeScaling::kNone: break;
    case RopeScaling::kLinear:
      for (auto& frequency : frequencies) frequency /= rope.factor;
      break;
    case RopeScaling::kLlama3:
      for (auto& frequency : frequencies) frequency = scaled_llama3(frequency, rope);
      break;
    case RopeScaling::kYarn: scale_yarn(frequencies, rope, rotary_dim); break;
  }
  return frequencies;
}

}  // namespace sluice
