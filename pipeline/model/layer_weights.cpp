#include "pipeline/model/layer_weights.h"

#include <string>

#include "base/check.h"

namespace sluice {

kernels::WeightView& tensor_of(LayerWeights& layer, TensorRole role, std::size_t expert) {
  switch (role) {
    case TensorRole::kInputNorm: return layer.input_norm;
    case TensorRole::kQueryDown: return layer.query_down;
    case TensorRole::kQueryDownBias: return layer.query_down_bias;
    case TensorRole::kQueryDownNorm: return layer.query_down_norm;
    case TensorRole::kQuery: return layer.query;
    case TensorRole::kQueryBias: return layer.query_bias;
    case TensorRole::kQueryNorm: return layer.query_norm;
    case TensorRole::kKey: return layer.key;
    case TensorRole::kKeyBias: return layer.key_bias;
    case TensorRole::kKeyNorm: return layer.key_norm;
    case TensorRole::kValue: return layer.value;
    case TensorRole::kValueBias: return layer.value_bias;
    case TensorRole::kLatent: return layer.latent;
    case TensorRole::kLatentBias: return layer.latent_bias;
    case TensorRole::kLatentNorm: return layer.latent_norm;
    case TensorRole::kLatentUp: return layer.latent_up;
    case TensorRole::kAttentionOutput: return layer.attention_output;
    case TensorRole::kAttentionOutputBias: return layer.attention_output_bias;
    case TensorRole::kPostAttentionNorm: return layer.post_attention_norm;
    case TensorRole::kGate: return layer.gate;
    case TensorRole::kGateBias: return layer.gate_bias;
    case TensorRole::kUp: return layer.up;
    case TensorRole::kUpBias: return layer.up_bias;
    case TensorRole::kDown: return layer.down;
    case TensorRole::kDownBias: return layer.down_bias;
    case TensorRole::kRouter: return layer.router;
    case TensorRole::kRouterBias: return layer.router_bias;
    case TensorRole::kExpertGate: return layer.experts[expert].gate;
    case TensorRole::kExpertUp: return layer.experts[expert].up;
    case TensorRole::kExpertDown: return layer.experts[expert].down;
    default: break;
  }
  check_failed(__FILE__, __LINE__, "a role without a place in a layer", std::to_string(static_cast<int>(role)));
}

}  // namespace sluice
