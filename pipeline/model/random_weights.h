// Weights that mean nothing, for a model of which only config.json is there: each element is a function of its tensor's
// name and its index in the whole tensor alone, the same on every machine and for every cut into stages.
//
//   norms      1
//   biases     0
//   matrices   uniform around 0 with standard deviation initializer_range: element i of a tensor is
//              (u - 32767.5) * (initializer_range * sqrt(12) / 65536), where u is 16-bit half i mod 8, the low half of
//              a word first, of philox4x32-10 with counter (n mod 2^32, floor(n / 2^32), 3, 0), n = floor(i / 8), and
//              the XXH3-64 of the name as the key
//
// So they are as large as those of a model before its training, and activations stay finite for any depth.
#pragma once

#include <cstddef>

#include "base/dtype.h"
#include "pipeline/model/decoder_tensors.h"
#include "pipeline/model/model_config.h"

namespace sluice {

// Rows [begin, end) of the tensor, which may be a shard, to where they lie in `to`, its memory. `dtype` is f32, or
// bf16, which is the same rounded.
void draw_weights(const DecoderTensor& tensor, const ModelConfig& config, std::size_t begin, std::size_t end,
                  DType dtype, std::byte* to);

}  // namespace sluice
