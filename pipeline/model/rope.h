// Inverse frequencies of rotary embeddings, with the scalings that stretch a model's context.
//
//   kNone    f_i = theta^(-2 i / rotary_dim)
//   kLinear  f_i / factor
//   kLlama3  wave lengths 2 pi / f_i below original / high_freq_factor stay, those above original / low_freq_factor are
//            divided by factor, and in between both are blended by (original / length - low) / (high - low)
//   kYarn    f_i (1 - r_i) + f_i / factor * r_i, where r_i grows from 0 to 1 between the pairs whose waves fit
//            beta_fast and beta_slow times into the original context
//
// In f32, in the order of operations of transformers, so that angles far into the context agree with it.
#pragma once

#include <vector>

#include "pipeline/model/model_config.h"

namespace sluice {

// rotary_dim / 2 values.
std::vector<float> scaled_inverse_frequencies(const RopeConfig& rope, std::uint32_t rotary_dim);

}  // namespace sluice
