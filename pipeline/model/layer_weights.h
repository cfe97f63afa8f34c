// The weights of one layer, as kernels take them.
//
// Owns: nothing; views into a StageWeights' memory.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/moe/experts.h"
#include "kernels/tensor.h"
#include "pipeline/model/decoder_tensors.h"

namespace sluice {

// Shapes are those of decoder_tensors.h. What the model's layer has not is empty.
struct LayerWeights {
  kernels::WeightView input_norm;
  // Grouped-query attention; query and attention_output are latent attention's too.
  kernels::WeightView query;
  kernels::WeightView query_bias;
  kernels::WeightView query_norm;
  kernels::WeightView key;
  kernels::WeightView key_bias;
  kernels::WeightView key_norm;
  kernels::WeightView value;
  kernels::WeightView value_bias;
  // Latent attention.
  kernels::WeightView query_down;
  kernels::WeightView query_down_bias;
  kernels::WeightView query_down_norm;
  kernels::WeightView latent;
  kernels::WeightView latent_bias;
  kernels::WeightView latent_norm;
  kernels::WeightView latent_up;
  kernels::WeightView attention_output;
  kernels::WeightView attention_output_bias;

  kernels::WeightView post_attention_norm;
  // The feed-forward part, or a mixture's shared experts.
  kernels::WeightView gate;
  kernels::WeightView gate_bias;
  kernels::WeightView up;
  kernels::WeightView up_bias;
  kernels::WeightView down;
  kernels::WeightView down_bias;
  // A mixture.
  kernels::WeightView router;
  kernels::WeightView router_bias;
  std::vector<kernels::ExpertWeights> experts;  // From the rank's first on.
};

// Where the tensor of a role inside a layer belongs; of experts, the rank's `expert`th, for which there is room.
kernels::WeightView& tensor_of(LayerWeights& layer, TensorRole role, std::size_t expert);

}  // namespace sluice
