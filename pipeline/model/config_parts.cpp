#include "pipeline/model/config_parts.h"

#include <algorithm>

#include "pipeline/model/rope_section.h"

namespace sluice {
namespace {

std::optional<DType> read_torch_dtype(JsonReader& json) {
  const auto name = json.string("torch_dtype", json.string("dtype", ""));
  if (name == "float32") return DType::kF32;
  if (name == "bfloat16") return DType::kBF16;
  if (name == "float16") return DType::kF16;
  return std::nullopt;
}

// float8 with a scale for each block of a matrix, DeepSeek's form, alone.
std::optional<Fp8Blocks> read_quantization(JsonReader& json) {
  constexpr std::uint64_t kBlockMax = 1u << 16;
  auto part = json.object("quantization_config");
  if (!part.has_value()) return std::nullopt;
  Fp8Blocks blocks;
  const auto method = part->string("quant_method", "");
  if (method != "fp8") part->fail("quant_method", "'" + method.substr(0, 40) + "' is not supported; supported: fp8");
  if (part->string("fmt", "e4m3") != "e4m3") part->fail("fmt", "only e4m3 is supported");
  const auto sizes = part->unsigned_integers("weight_block_size", 1, kBlockMax, 2);
  if (sizes.size() == 2) {
    blocks = {static_cast<std::uint32_t>(sizes[0]), static_cast<std::uint32_t>(sizes[1])};
  } else {
    part->fail("weight_block_size", "is no pair of sizes: only fp8 with a scale for each block is supported");
  }
  if (part->error().has_value()) json.fail("quantization_config", part->error()->message);
  return blocks;
}

}  // namespace

std::uint32_t read_size(JsonReader& json, const char* key, std::uint32_t max, std::optional<std::uint32_t> fallback) {
  return static_cast<std::uint32_t>(json.unsigned_integer(key, 1, max, fallback));
}

void read_common(JsonReader& json, ModelConfig& config) {
  config.vocab_size = read_size(json, "vocab_size", kVocabSizeMax);
  config.hidden_size = read_size(json, "hidden_size", kHiddenSizeMax);
  config.num_hidden_layers = read_size(json, "num_hidden_layers", kLayersMax);
  config.max_position_embeddings = read_size(json, "max_position_embeddings", kContextTokensMax, 2048);
  config.rms_norm_eps = json.number("rms_norm_eps", 1e-12, 0.1, 1e-6);
  config.initializer_range = json.number("initializer_range", 0.0, 1.0, 0.02);
  config.tie_word_embeddings = json.flag("tie_word_embeddings", false);
  const auto bos = json.token_ids("bos_token_id", config.vocab_size, 1);
  if (!bos.empty()) config.bos_token_id = bos.front();
  config.eos_token_ids = json.token_ids("eos_token_id", config.vocab_size, kEosTokensMax);
  config.torch_dtype = read_torch_dtype(json);
  config.fp8_blocks = read_quantization(json);
}

void read_grouped_query_attention(JsonReader& json, ModelConfig& config,
                                  std::optional<std::uint32_t> default_head_dim) {
  auto& attention = config.attention;
  attention.kind = AttentionKind::kGroupedQuery;
  attention.num_attention_heads = read_size(json, "num_attention_heads", kAttentionHeadsMax);
  attention.num_key_value_heads =
      read_size(json, "num_key_value_heads", kAttentionHeadsMax, attention.num_attention_heads);
  if (attention.num_attention_heads % attention.num_key_value_heads != 0) {
    json.fail("num_key_value_heads", std::to_string(attention.num_key_value_heads) + " does not divide the " +
                                         std::to_string(attention.num_attention_heads) + " attention heads");
  }
  if (json.has("head_dim") || default_head_dim.has_value()) {
    attention.head_dim = read_size(json, "head_dim", kHeadDimMax, default_head_dim);
  } else if (config.hidden_size % attention.num_attention_heads != 0) {
    json.fail("num_attention_heads", std::to_string(attention.num_attention_heads) + " does not divide hidden_size " +
                                         std::to_string(config.hidden_size) + ", and there is no head_dim");
  } else {
    attention.head_dim = config.hidden_size / attention.num_attention_heads;
  }
  if (attention.head_dim % 2 != 0 || attention.head_dim > kHeadDimMax) {
    json.fail("head_dim", std::to_string(attention.head_dim) + " is odd or above " + std::to_string(kHeadDimMax));
  }
  config.rope = read_rope(json, config.max_position_embeddings).rope;
}

void read_latent_attention(JsonReader& json, ModelConfig& config, bool interleaved) {
  auto& attention = config.attention;
  auto& latent = attention.latent;
  attention.kind = AttentionKind::kLatent;
  attention.num_attention_heads = read_size(json, "num_attention_heads", kAttentionHeadsMax);
  if (!json.mentions("q_lora_rank")) json.fail("q_lora_rank", "missing; null where queries are projected at once");
  if (json.has("q_lora_rank")) latent.q_lora_rank = read_size(json, "q_lora_rank", kLatentRankMax);
  latent.kv_lora_rank = read_size(json, "kv_lora_rank", kLatentRankMax);
  latent.qk_nope_head_dim = read_size(json, "qk_nope_head_dim", kHeadDimMax);
  latent.qk_rope_head_dim = read_size(json, "qk_rope_head_dim", kHeadDimMax);
  latent.v_head_dim = read_size(json, "v_head_dim", kHeadDimMax);
  if (latent.qk_rope_head_dim % 2 != 0) {
    json.fail("qk_rope_head_dim", std::to_string(latent.qk_rope_head_dim) + " is odd");
  }
  const RopeSection section = read_rope(json, config.max_position_embeddings);
  config.rope = section.rope;
  config.rope.is_interleaved = interleaved;
  if (section.mscale_all_dim > 0.0f) {
    const float mscale = yarn_mscale(config.rope.factor, section.mscale_all_dim);
    attention.score_factor = mscale * mscale;
  }
}

void read_attention_bias(JsonReader& json, ModelConfig& config) {
  config.attention.has_input_bias = json.flag("attention_bias", false);
  config.attention.has_output_bias = config.attention.has_input_bias;
}

void refuse_sliding_window(JsonReader& json, const ModelConfig& config, std::uint64_t window, const char* key) {
  if (window >= config.max_position_embeddings) return;
  json.fail(key, "attention over a window of " + std::to_string(window) + " tokens, below the context of " +
                     std::to_string(config.max_position_embeddings) + ", is not supported");
}

void refuse_optional_sliding_window(JsonReader& json, const ModelConfig& config, WindowedLayers windowed) {
  if (!json.flag("use_sliding_window", false)) return;
  if (json.mentions("sliding_window") && !json.has("sliding_window")) return;  // null: none.
  const auto window = json.unsigned_integer("sliding_window", 1, kContextTokensMax, kDefaultSlidingWindow);
  const auto layer_types = json.strings("layer_types", kLayersMax);
  const bool slides = layer_types.empty() ? json.unsigned_integer("max_window_layers", 0, kContextTokensMax, 0) <
                                                config.num_hidden_layers
                                          : std::ranges::find(layer_types, "sliding_attention") != layer_types.end();
  if (slides || windowed == WindowedLayers::kAll) refuse_sliding_window(json, config, window, "use_sliding_window");
}

void read_swiglu(JsonReader& json, ModelConfig& config) {
  config.feed_forward.intermediate_size = read_size(json, "intermediate_size", kIntermediateSizeMax);
  const auto activation = json.string("hidden_act", "silu");
  if (activation != "silu") json.fail("hidden_act", "'" + activation.substr(0, 40) + "' is not supported (silu)");
}

}  // namespace sluice
