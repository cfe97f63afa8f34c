#include "pipeline/model/model_config.h"

#include <array>

#include "pipeline/model/config_parts.h"
#include "pipeline/model/json_reader.h"

namespace sluice {
namespace {

void read_llama(JsonReader& json, ModelConfig& config) {
  read_grouped_query_attention(json, config);
  read_attention_bias(json, config);
  read_swiglu(json, config);
  config.feed_forward.has_bias = json.flag("mlp_bias", false);
}

void read_mistral(JsonReader& json, ModelConfig& config) {
  read_grouped_query_attention(json, config);
  read_swiglu(json, config);
  if (!json.has("sliding_window") && json.mentions("sliding_window")) return;  // Null: none.
  const auto window = json.unsigned_integer("sliding_window", 1, kContextTokensMax, kDefaultSlidingWindow);
  refuse_sliding_window(json, config, window, "sliding_window");
}

void read_qwen2(JsonReader& json, ModelConfig& config) {
  read_grouped_query_attention(json, config);
  config.attention.has_input_bias = true;
  refuse_optional_sliding_window(json, config, WindowedLayers::kSome);
  read_swiglu(json, config);
}

void read_qwen3_attention(JsonReader& json, ModelConfig& config, std::optional<std::uint32_t> default_head_dim,
                          WindowedLayers windowed) {
  read_grouped_query_attention(json, config, default_head_dim);
  read_attention_bias(json, config);
  config.attention.has_head_norms = true;
  refuse_optional_sliding_window(json, config, windowed);
}

void read_qwen3(JsonReader& json, ModelConfig& config) {
  read_qwen3_attention(json, config, 128, WindowedLayers::kSome);
  read_swiglu(json, config);
}

void read_qwen3_moe(JsonReader& json, ModelConfig& config) {
  read_qwen3_attention(json, config, std::nullopt, WindowedLayers::kAll);
  read_swiglu(json, config);
  read_qwen_mixture(json, config);
}

void read_deepseek(JsonReader& json, ModelConfig& config, DeepSeekVersion version, bool interleaved) {
  read_latent_attention(json, config, interleaved);
  read_attention_bias(json, config);
  read_swiglu(json, config);
  if (json.flag("mlp_bias", false)) json.fail("mlp_bias", "true is not supported");
  read_deepseek_mixture(json, config, version);
}

void read_deepseek_v2(JsonReader& json, ModelConfig& config) {
  read_deepseek(json, config, DeepSeekVersion::kV2, true);
}

void read_deepseek_v3(JsonReader& json, ModelConfig& config) {
  read_deepseek(json, config, DeepSeekVersion::kV3, json.flag("rope_interleave", true));
}

struct Architecture {
  std::string_view name;
  void (*read)(JsonReader&, ModelConfig&);
};

constexpr std::array kArchitectures = {
    Architecture{"LlamaForCausalLM", read_llama},
    Architecture{"MistralForCausalLM", read_mistral},
    Architecture{"Qwen2ForCausalLM", read_qwen2},
    Architecture{"Qwen3ForCausalLM", read_qwen3},
    Architecture{"Qwen3MoeForCausalLM", read_qwen3_moe},
    Architecture{"DeepseekV2ForCausalLM", read_deepseek_v2},
    Architecture{"DeepseekV3ForCausalLM", read_deepseek_v3},
};

}  // namespace

std::vector<std::string_view> supported_architectures() {
  std::vector<std::string_view> names;
  for (const auto& architecture : kArchitectures) names.push_back(architecture.name);
  return names;
}

Result<ModelConfig> parse_model_config(std::string_view text, std::string_view name) {
  auto json = JsonReader::parse(text, name);
  if (!json.ok()) return json.error();
  const auto names = json->strings("architectures", 16);
  if (names.empty()) json->fail("architectures", "missing");
  if (json->error().has_value()) return *json->error();

  ModelConfig config;
  config.architecture = names.front();
  for (const auto& architecture : kArchitectures) {
    if (architecture.name != config.architecture) continue;
    read_common(*json, config);
    architecture.read(*json, config);
    if (json->error().has_value()) return *json->error();
    return config;
  }
  std::string supported;
  for (const auto& known : supported_architectures()) supported += (supported.empty() ? "" : ", ") + std::string(known);
  return Error{ErrorCode::kModelLoadFailed, std::string(name) + ": architecture '" + config.architecture.substr(0, 80) +
                                                "' is not supported; supported: " + supported};
}

Result<ModelConfig> load_model_config(const std::filesystem::path& model_dir) {
  const auto path = model_dir / "config.json";
  const auto text = read_small_file(path, kConfigBytesMax);
  if (!text.ok()) return text.error();
  return parse_model_config(*text, path.string());
}

DType kv_cache_dtype(const AttentionConfig& attention, DType compute) {
  return attention.kind == AttentionKind::kLatent || compute == DType::kF32 ? DType::kF32 : DType::kF16;
}

std::uint64_t kv_bytes_per_token_per_layer(const ModelConfig& config, DType compute) {
  const AttentionConfig& attention = config.attention;
  const std::uint64_t elements = attention.kind == AttentionKind::kLatent
                                     ? attention.latent.cached_dim()
                                     : std::uint64_t{2} * attention.num_key_value_heads * attention.head_dim;
  return elements * size_bytes(kv_cache_dtype(attention, compute));
}

}  // namespace sluice
