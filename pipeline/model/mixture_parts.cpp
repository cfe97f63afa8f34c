// The readers of mixtures of experts; config_parts.h.
#include <algorithm>

#include "pipeline/model/config_parts.h"

namespace sluice {
namespace {

void read_experts(JsonReader& json, MixtureConfig& mixture, const char* num_experts_key) {
  mixture.num_experts = read_size(json, num_experts_key, kExpertsMax);
  mixture.num_experts_per_tok = read_size(json, "num_experts_per_tok", kExpertsMax);
  mixture.intermediate_size = read_size(json, "moe_intermediate_size", kIntermediateSizeMax);
}

// After everything else.
void check_choice(JsonReader& json, const ModelConfig& config) {
  const MixtureConfig& mixture = config.mixture;
  if (std::uint64_t{mixture.num_experts} * config.num_hidden_layers > kExpertsOfAllLayersMax) {
    json.fail("num_hidden_layers", "more than " + std::to_string(kExpertsOfAllLayersMax) + " experts in all layers");
    return;
  }
  if (mixture.num_experts % mixture.num_groups != 0) {
    json.fail("n_group", std::to_string(mixture.num_groups) + " does not divide the " +
                             std::to_string(mixture.num_experts) + " experts");
    return;
  }
  if (mixture.topk_groups > mixture.num_groups) {
    json.fail("topk_group",
              std::to_string(mixture.topk_groups) + " of " + std::to_string(mixture.num_groups) + " groups");
    return;
  }
  const std::uint32_t eligible = mixture.num_experts / mixture.num_groups * mixture.topk_groups;
  if (mixture.num_experts_per_tok > eligible) {
    json.fail("num_experts_per_tok", std::to_string(mixture.num_experts_per_tok) + " of the " +
                                         std::to_string(eligible) + " experts that may be chosen");
  }
}

void refuse_unless(JsonReader& json, const char* key, std::string_view supported) {
  const auto value = json.string(key, supported);
  if (value == supported) return;
  json.fail(key, "'" + value.substr(0, 40) + "' is not supported; supported: " + std::string(supported));
}

void read_groups(JsonReader& json, MixtureConfig& mixture) {
  mixture.num_groups = read_size(json, "n_group", kExpertsMax);
  mixture.topk_groups = read_size(json, "topk_group", kExpertsMax);
}

// Softmax scores. transformers does not look at norm_topk_prob, which is false in the published files.
void read_v2_router(JsonReader& json, MixtureConfig& mixture) {
  refuse_unless(json, "scoring_func", "softmax");
  const auto method = json.string("topk_method", "greedy");
  if (method == "group_limited_greedy") {
    read_groups(json, mixture);
  } else if (method != "greedy") {
    json.fail("topk_method",
              "'" + method.substr(0, 40) + "' is not supported; supported: greedy, group_limited_greedy");
  }
}

void read_v3_router(JsonReader& json, MixtureConfig& mixture) {
  refuse_unless(json, "scoring_func", "sigmoid");
  refuse_unless(json, "topk_method", "noaux_tc");
  mixture.scoring = kernels::ExpertScoring::kSigmoid;
  mixture.ranking = kernels::ExpertRanking::kBiasCorrected;
  mixture.normalizes = json.flag("norm_topk_prob", true);
  read_groups(json, mixture);
}

}  // namespace

void read_qwen_mixture(JsonReader& json, ModelConfig& config) {
  MixtureConfig& mixture = config.mixture;
  // transformers from version 5 on has another name for it.
  read_experts(json, mixture, json.has("num_local_experts") ? "num_local_experts" : "num_experts");
  mixture.normalizes = json.flag("norm_topk_prob", false);
  const auto step = read_size(json, "decoder_sparse_step", kLayersMax, 1);
  const auto dense = json.unsigned_integers("mlp_only_layers", 0, kContextTokensMax, kLayersMax);
  for (std::uint32_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool is_dense = std::ranges::find(dense, layer) != dense.end();
    config.mixture_layers.push_back(!is_dense && (layer + 1) % step == 0);
  }
  check_choice(json, config);
}

void read_deepseek_mixture(JsonReader& json, ModelConfig& config, DeepSeekVersion version) {
  if (!json.has("n_routed_experts")) return;  // All layers are dense.
  MixtureConfig& mixture = config.mixture;
  read_experts(json, mixture, "n_routed_experts");
  mixture.scale = json.number("routed_scaling_factor", 0.0, 1e6);
  // Null: none. What is left out has other defaults in each version, and every published file has it.
  const bool has_shared = json.has("n_shared_experts") || !json.mentions("n_shared_experts");
  const auto shared = has_shared ? json.unsigned_integer("n_shared_experts", 0, kExpertsMax) : 0;
  const std::uint64_t shared_size = shared * mixture.intermediate_size;
  if (shared_size > kIntermediateSizeMax) {
    json.fail("n_shared_experts", std::to_string(shared) + " are wider than " + std::to_string(kIntermediateSizeMax));
  }
  mixture.shared_intermediate_size = static_cast<std::uint32_t>(shared_size);
  version == DeepSeekVersion::kV2 ? read_v2_router(json, mixture) : read_v3_router(json, mixture);

  const auto first = json.unsigned_integer("first_k_dense_replace", 0, kContextTokensMax);
  const auto every = read_size(json, "moe_layer_freq", kLayersMax, 1);
  for (std::uint32_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    config.mixture_layers.push_back(layer >= first && layer % every == 0);
  }
  check_choice(json, config);
}

}  // namespace sluice
