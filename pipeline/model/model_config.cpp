#include "pipeline/model/model_config.h"

#include <array>

#include "pipeline/model/json_reader.h"

namespace sluice {
namespace {

std::uint32_t size(JsonReader& json, const char* key, std::uint32_t max,
                   std::optional<std::uint32_t> fallback = std::nullopt) {
  return static_cast<std::uint32_t>(json.unsigned_integer(key, 1, max, fallback));
}

void read_scaling(JsonReader& json, RopeConfig& rope, std::uint32_t max_position_embeddings) {
  const auto type = json.string("rope_type", json.string("type", "default"));
  if (type == "default") return;
  if (type == "linear") {
    rope.scaling = RopeScaling::kLinear;
    rope.factor = json.number("factor", 1.0, 1e6);
  } else if (type == "llama3") {
    rope.scaling = RopeScaling::kLlama3;
    rope.factor = json.number("factor", 1.0, 1e6);
    rope.low_freq_factor = json.number("low_freq_factor", 1e-3, 1e6);
    rope.high_freq_factor = json.number("high_freq_factor", 1e-3, 1e6);
    rope.original_max_position_embeddings =
        size(json, "original_max_position_embeddings", kContextTokensMax, max_position_embeddings);
    if (!(rope.high_freq_factor > rope.low_freq_factor)) json.fail("high_freq_factor", "not above low_freq_factor");
  } else {
    json.fail("rope_type", "'" + type.substr(0, 40) + "' is not supported (default, linear, llama3)");
  }
}

// Both spellings: rope_theta beside rope_scaling, or all of it in rope_parameters (transformers from version 5 on).
RopeConfig read_rope(JsonReader& json, std::uint32_t max_position_embeddings) {
  constexpr double kThetaMax = 1e12;
  RopeConfig rope;
  rope.theta = json.number("rope_theta", 1.0, kThetaMax, 10000.0);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    auto part = json.object(key);
    if (!part.has_value()) continue;
    rope.theta = part->number("rope_theta", 1.0, kThetaMax, rope.theta);
    read_scaling(*part, rope, max_position_embeddings);
    if (part->number("partial_rotary_factor", 0.0, 1.0, 1.0) != 1.0f) {
      part->fail("partial_rotary_factor", "only 1 is supported");
    }
    if (part->error().has_value()) json.fail(key, part->error()->message);
  }
  return rope;
}

std::optional<DType> read_torch_dtype(JsonReader& json) {
  const auto name = json.string("torch_dtype", json.string("dtype", ""));
  if (name == "float32") return DType::kF32;
  if (name == "bfloat16") return DType::kBF16;
  if (name == "float16") return DType::kF16;
  return std::nullopt;
}

// What every decoder has.
void read_common(JsonReader& json, ModelConfig& config) {
  config.vocab_size = size(json, "vocab_size", kVocabSizeMax);
  config.hidden_size = size(json, "hidden_size", kHiddenSizeMax);
  config.num_hidden_layers = size(json, "num_hidden_layers", kLayersMax);
  config.max_position_embeddings = size(json, "max_position_embeddings", kContextTokensMax, 2048);
  config.rms_norm_eps = json.number("rms_norm_eps", 1e-12, 0.1, 1e-6);
  config.initializer_range = json.number("initializer_range", 0.0, 1.0, 0.02);
  config.tie_word_embeddings = json.flag("tie_word_embeddings", false);
  const auto bos = json.token_ids("bos_token_id", config.vocab_size, 1);
  if (!bos.empty()) config.bos_token_id = bos.front();
  config.eos_token_ids = json.token_ids("eos_token_id", config.vocab_size, kEosTokensMax);
  config.torch_dtype = read_torch_dtype(json);
  if (json.has("quantization_config")) json.fail("quantization_config", "quantized checkpoints are not supported");
}

void read_grouped_query_attention(JsonReader& json, ModelConfig& config) {
  auto& attention = config.attention;
  attention.kind = AttentionKind::kGroupedQuery;
  attention.num_attention_heads = size(json, "num_attention_heads", kAttentionHeadsMax);
  attention.num_key_value_heads = size(json, "num_key_value_heads", kAttentionHeadsMax, attention.num_attention_heads);
  if (attention.num_attention_heads % attention.num_key_value_heads != 0) {
    json.fail("num_key_value_heads", std::to_string(attention.num_key_value_heads) + " does not divide the " +
                                         std::to_string(attention.num_attention_heads) + " attention heads");
  }
  if (json.has("head_dim")) {
    attention.head_dim = size(json, "head_dim", kHeadDimMax);
  } else if (config.hidden_size % attention.num_attention_heads != 0) {
    json.fail("num_attention_heads", std::to_string(attention.num_attention_heads) + " does not divide hidden_size " +
                                         std::to_string(config.hidden_size) + ", and there is no head_dim");
  } else {
    attention.head_dim = config.hidden_size / attention.num_attention_heads;
  }
  if (attention.head_dim % 2 != 0 || attention.head_dim > kHeadDimMax) {
    json.fail("head_dim", std::to_string(attention.head_dim) + " is odd or above " + std::to_string(kHeadDimMax));
  }
}

void read_swiglu(JsonReader& json, ModelConfig& config) {
  config.feed_forward.kind = FeedForwardKind::kSwiGlu;
  config.feed_forward.intermediate_size = size(json, "intermediate_size", kIntermediateSizeMax);
  const auto activation = json.string("hidden_act", "silu");
  if (activation != "silu") json.fail("hidden_act", "'" + activation.substr(0, 40) + "' is not supported (silu)");
}

void read_llama(JsonReader& json, ModelConfig& config) {
  read_common(json, config);
  read_grouped_query_attention(json, config);
  read_swiglu(json, config);
  config.rope = read_rope(json, config.max_position_embeddings);
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    if (json.flag(key, false)) json.fail(key, "true is not supported");
  }
}

struct Architecture {
  std::string_view name;
  void (*read)(JsonReader&, ModelConfig&);
};

constexpr std::array kArchitectures = {
    Architecture{"LlamaForCausalLM", read_llama},
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

std::uint64_t kv_bytes_per_token_per_layer(const ModelConfig& config, DType compute) {
  return std::uint64_t{2} * config.attention.num_key_value_heads * config.attention.head_dim * size_bytes(compute);
}

}  // namespace sluice
