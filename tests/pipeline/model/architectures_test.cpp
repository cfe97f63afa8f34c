// How each family's config.json is read, and what its weights are.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "pipeline/model/decoder_tensors.h"
#include "pipeline/model/json_reader.h"
#include "pipeline/model/model_config.h"
#include "tests/pipeline/model/published_configs.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

Json golden_json(const std::string& name) {
  const auto text = read_small_file(test::source_path("tests/golden/" + name + "/config.json"), kConfigBytesMax);
  REQUIRE(text.ok());
  return Json::parse(*text);
}

ModelConfig read(const Json& json) {
  const auto config = parse_model_config(json.dump());
  INFO((config.ok() ? "" : config.error().message));
  REQUIRE(config.ok());
  return *config;
}

ModelConfig golden_config(const std::string& name) {
  return read(golden_json(name));
}

// The golden configuration with some keys changed.
std::string refusal(const std::string& name, const Json& changes) {
  Json json = golden_json(name);
  json.update(changes);
  const auto config = parse_model_config(json.dump());
  if (config.ok()) return "accepted";
  CHECK(config.error().code == ErrorCode::kModelLoadFailed);
  return config.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::uint32_t> mixture_layers(const ModelConfig& config) {
  std::vector<std::uint32_t> layers;
  for (std::uint32_t i = 0; i < config.num_hidden_layers; ++i) {
    if (config.feed_forward_kind(i) == FeedForwardKind::kMixture) layers.push_back(i);
  }
  return layers;
}

std::set<std::string> names_of_layer(const ModelConfig& config, std::uint32_t layer, const Shard& shard = {}) {
  std::set<std::string> names;
  for (const auto& tensor : decoder_tensors(config, {layer, 1, false, false, shard})) names.insert(tensor.name);
  return names;
}

}  // namespace

TEST_SUITE("pipeline/model/architectures") {
  TEST_CASE("llama: biases of every projection, each where the file asks for it") {
    const ModelConfig config = golden_config("llama-biases");
    CHECK(config.attention.has_input_bias);
    CHECK(config.attention.has_output_bias);
    CHECK(config.feed_forward.has_bias);
    CHECK(config.rope.scaling == RopeScaling::kLlama3);
    CHECK(config.rope.theta == 500000.0f);
    const auto names = names_of_layer(config, 1);
    for (const char* name :
         {"self_attn.q_proj.bias", "self_attn.o_proj.bias", "mlp.gate_proj.bias", "mlp.down_proj.bias"}) {
      CHECK(names.contains("model.layers.1." + std::string(name)));
    }
    CHECK_FALSE(golden_config("llama-3").attention.has_input_bias);
  }

  TEST_CASE("qwen2 has biases of queries, keys and values without being asked, and no other") {
    const auto names = names_of_layer(golden_config("qwen2"), 0);
    CHECK(names.contains("model.layers.0.self_attn.k_proj.bias"));
    CHECK_FALSE(names.contains("model.layers.0.self_attn.o_proj.bias"));
  }

  TEST_CASE("qwen3 norms heads, and has heads of 128 where it does not say") {
    const ModelConfig config = golden_config("qwen3");
    CHECK(config.attention.has_head_norms);
    CHECK(config.attention.head_dim == 64);
    CHECK(names_of_layer(config, 0).contains("model.layers.0.self_attn.q_norm.weight"));
    Json json = golden_json("qwen3");
    json.erase("head_dim");
    CHECK(read(json).attention.head_dim == 128);
  }

  TEST_CASE("qwen3-moe: which layers are mixtures follows from the step and the exceptions") {
    Json json = golden_json("qwen3-moe");
    CHECK(mixture_layers(read(json)) == std::vector<std::uint32_t>{0, 1, 3});
    json["decoder_sparse_step"] = 2;
    CHECK(mixture_layers(read(json)) == std::vector<std::uint32_t>{1, 3});
    json["mlp_only_layers"] = {3};
    const ModelConfig config = read(json);
    CHECK(mixture_layers(config) == std::vector<std::uint32_t>{1});
    CHECK(config.mixture.normalizes);
    CHECK(config.mixture.scoring == kernels::ExpertScoring::kSoftmax);
    CHECK(names_of_layer(config, 1).contains("model.layers.1.mlp.experts.9.up_proj.weight"));
    CHECK(names_of_layer(config, 0).contains("model.layers.0.mlp.up_proj.weight"));
    json.erase("num_experts");
    json["num_local_experts"] = 10;
    CHECK(read(json) == config);
  }

  TEST_CASE("mistral without a sliding window, or with one that is no shorter than the context") {
    const ModelConfig config = golden_config("mistral");
    CHECK(config.attention.head_dim == 20);
    CHECK(refusal("mistral", {{"sliding_window", 256}}) == "accepted");
    CHECK(contains(refusal("mistral", {{"sliding_window", 255}}), "config.json: sliding_window: "));
    Json json = golden_json("mistral");
    json.erase("sliding_window");
    CHECK(parse_model_config(json.dump()).ok());  // 4,096 then.
    json["max_position_embeddings"] = 8192;
    CHECK_FALSE(parse_model_config(json.dump()).ok());
  }

  TEST_CASE("qwen's sliding windows count where they are used, in layers that there are") {
    CHECK(contains(refusal("qwen2-yarn", {{"use_sliding_window", true}}), "config.json: use_sliding_window: "));
    CHECK(refusal("qwen2-yarn", {{"use_sliding_window", true}, {"max_window_layers", 3}}) == "accepted");
    // Of a mixture every layer slides.
    CHECK(contains(refusal("deepseek-v3", {{"num_hidden_layers", 1024}, {"n_routed_experts", 1024}}),
                   "config.json: num_hidden_layers: more than 131072 experts"));
    CHECK(
        contains(refusal("qwen3-moe", {{"use_sliding_window", true}, {"sliding_window", 8}, {"max_window_layers", 99}}),
                 "config.json: use_sliding_window: "));
    CHECK(refusal("qwen3-moe", {{"use_sliding_window", true}, {"sliding_window", nullptr}}) == "accepted");
    CHECK(refusal("qwen2-yarn", {{"use_sliding_window", true}, {"sliding_window", 256}}) == "accepted");
    const Json full = {"full_attention", "full_attention", "full_attention"};
    CHECK(refusal("qwen2-yarn", {{"use_sliding_window", true}, {"layer_types", full}}) == "accepted");
    const Json mixed = {"full_attention", "sliding_attention", "full_attention"};
    CHECK(refusal("qwen2-yarn", {{"use_sliding_window", true}, {"layer_types", mixed}}) != "accepted");
  }

  TEST_CASE("deepseek-v2: groups by their best expert, with and without the query projection") {
    const ModelConfig config = golden_config("deepseek-v2");
    CHECK(config.attention.kind == AttentionKind::kLatent);
    CHECK(config.attention.latent == LatentConfig{28, 20, 12, 8, 10});
    CHECK(config.rope.is_interleaved);
    CHECK(config.mixture.num_groups == 3);
    CHECK(config.mixture.topk_groups == 2);
    CHECK(config.mixture.ranking == kernels::ExpertRanking::kLargest);
    CHECK(config.mixture.scale == 4.0f);
    CHECK(config.mixture.shared_intermediate_size == 48);
    CHECK(mixture_layers(config) == std::vector<std::uint32_t>{2, 3});
    const ModelConfig lite = golden_config("deepseek-v2-lite");
    CHECK(lite.attention.latent.q_lora_rank == 0);
    CHECK(lite.mixture.num_groups == 1);
    CHECK(names_of_layer(lite, 1).contains("model.layers.1.self_attn.q_proj.weight"));
    CHECK(names_of_layer(config, 1).contains("model.layers.1.self_attn.q_a_layernorm.weight"));
  }

  TEST_CASE("deepseek-v3: bias-corrected groups, layers at a frequency, scores by YaRN's mscale") {
    ModelConfig config = golden_config("deepseek-v3");
    CHECK(config.mixture.scoring == kernels::ExpertScoring::kSigmoid);
    CHECK(config.mixture.ranking == kernels::ExpertRanking::kBiasCorrected);
    CHECK(config.mixture.normalizes);
    CHECK(config.attention.score_factor == doctest::Approx(std::pow(0.1 * std::log(4.0) + 1.0, 2)).epsilon(1e-6));
    CHECK(config.rope.magnitude == 1.0f);
    CHECK(names_of_layer(config, 2).contains("model.layers.2.mlp.gate.e_score_correction_bias"));
    Json json = golden_json("deepseek-v3");
    json["moe_layer_freq"] = 2;
    CHECK(mixture_layers(read(json)) == std::vector<std::uint32_t>{2});
    config = golden_config("deepseek-v3-no-query-rank");
    CHECK_FALSE(config.rope.is_interleaved);
    CHECK(config.attention.score_factor == 1.0f);
    CHECK(names_of_layer(config, 0).contains("model.layers.0.self_attn.kv_a_proj_with_mqa.bias"));
    CHECK(golden_config("deepseek-v3-fp8").fp8_blocks == Fp8Blocks{16, 32});
  }

  TEST_CASE("routers that are not known are refused, and numbers that cannot be") {
    CHECK(contains(refusal("deepseek-v2", {{"topk_method", "noaux_tc"}}), "config.json: topk_method: "));
    CHECK(contains(refusal("deepseek-v2", {{"scoring_func", "sigmoid"}}), "config.json: scoring_func: "));
    CHECK(contains(refusal("deepseek-v3", {{"topk_method", "greedy"}}), "config.json: topk_method: "));
    CHECK(contains(refusal("deepseek-v3", {{"scoring_func", "softmax"}}), "config.json: scoring_func: "));
    CHECK(contains(refusal("deepseek-v3", {{"n_group", 5}}), "config.json: n_group: "));
    CHECK(contains(refusal("deepseek-v3", {{"topk_group", 5}}), "config.json: topk_group: "));
    CHECK(contains(refusal("deepseek-v3", {{"num_experts_per_tok", 9}}), "config.json: num_experts_per_tok: "));
    CHECK(contains(refusal("deepseek-v3", {{"n_routed_experts", 2048}}), "config.json: n_routed_experts: "));
    CHECK(contains(refusal("deepseek-v3", {{"qk_rope_head_dim", 15}}), "config.json: qk_rope_head_dim: "));
    CHECK(contains(refusal("deepseek-v3", {{"kv_lora_rank", 0}}), "config.json: kv_lora_rank: "));
    CHECK(contains(refusal("deepseek-v3", {{"n_shared_experts", 1000000}}), "config.json: n_shared_experts: "));
    CHECK(contains(refusal("deepseek-v3", {{"mlp_bias", true}}), "config.json: mlp_bias: "));
    CHECK(contains(refusal("qwen3-moe", {{"num_experts_per_tok", 11}}), "config.json: num_experts_per_tok: "));
    CHECK(contains(refusal("qwen3-moe", {{"mlp_only_layers", {-1}}}), "config.json: mlp_only_layers: "));
    CHECK(contains(refusal("qwen3-moe", {{"mlp_only_layers", "all"}}), "config.json: mlp_only_layers: "));
    Json json = golden_json("deepseek-v3");
    json.erase("q_lora_rank");
    CHECK(contains(parse_model_config(json.dump()).error().message, "config.json: q_lora_rank: missing"));
  }

  TEST_CASE("a model without routed experts is dense all through") {
    Json json = golden_json("deepseek-v3");
    json["n_routed_experts"] = nullptr;
    const ModelConfig config = read(json);
    CHECK(mixture_layers(config).empty());
    CHECK(names_of_layer(config, 3).contains("model.layers.3.mlp.gate_proj.weight"));
  }

  TEST_CASE("deepseek-v3 as published: 671 billion weights, 2,304 bytes of cache for a token and layer") {
    const ModelConfig config = *parse_model_config(test::kDeepSeekV3Config);
    std::uint64_t elements = 0;
    std::size_t tensors = 0;
    for_each_tensor(config, {0, 61, true, true}, [&](const DecoderTensor& tensor) {
      elements += tensor.elements();
      ++tensors;
    });
    CHECK(elements == 671'026'419'200);
    CHECK(tensors > 58 * 256 * 3);
    CHECK(kv_bytes_per_token_per_layer(config, DType::kBF16) == (512 + 64) * 4);
    CHECK(check_shard(config, {7, 8}).ok());
    CHECK(check_shard(config, {7, 8, ExpertSplit::kByExpert}).ok());
  }
}

}  // namespace sluice
