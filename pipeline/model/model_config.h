// What a model is, read from its config.json: one description of a decoder, put together from parts (attention,
// feed-forward, rope), in the field's vocabulary. Loading weights, planning memory and running layers all go by it, and
// none of them asks which family a model is of. A new architecture is a new reader of config.json and, where it needs
// one, a new kind of a part.
//
// Units:     sizes are elements, positions are tokens.
// Errors:    kModelLoadFailed, naming file and key; kNotFound-like conditions (no such file) as well.
// Invariant: a ModelConfig that came from here is within the limits below, so that products of any three of its sizes
//            fit into 64 bits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "base/id.h"

namespace sluice {

inline constexpr std::uint32_t kHiddenSizeMax = 1u << 17;
inline constexpr std::uint32_t kIntermediateSizeMax = 1u << 20;
inline constexpr std::uint32_t kLayersMax = 1024;
inline constexpr std::uint32_t kAttentionHeadsMax = 1024;
inline constexpr std::uint32_t kHeadDimMax = 512;
inline constexpr std::uint32_t kVocabSizeMax = 1u << 22;
inline constexpr std::uint32_t kContextTokensMax = 1u << 24;
inline constexpr std::size_t kConfigBytesMax = 1u << 20;
inline constexpr std::size_t kEosTokensMax = 16;

enum class AttentionKind : std::uint8_t {
  kGroupedQuery,  // Query heads share key and value heads in groups; with equal numbers, multi-head attention.
};

struct AttentionConfig {
  AttentionKind kind = AttentionKind::kGroupedQuery;
  std::uint32_t num_attention_heads = 0;
  std::uint32_t num_key_value_heads = 0;  // Divides num_attention_heads.
  std::uint32_t head_dim = 0;             // Even.

  friend bool operator==(const AttentionConfig&, const AttentionConfig&) = default;
};

enum class FeedForwardKind : std::uint8_t {
  kSwiGlu,  // down(silu(gate(x)) * up(x))
};

struct FeedForwardConfig {
  FeedForwardKind kind = FeedForwardKind::kSwiGlu;
  std::uint32_t intermediate_size = 0;

  friend bool operator==(const FeedForwardConfig&, const FeedForwardConfig&) = default;
};

enum class RopeScaling : std::uint8_t { kNone, kLinear, kLlama3 };

// Rotary embedding over all of head_dim, halves rotated against each other (the pairs of Hugging Face's Llama).
struct RopeConfig {
  float theta = 10000.0f;
  RopeScaling scaling = RopeScaling::kNone;
  float factor = 1.0f;                                 // kLinear, kLlama3; 1 or more.
  float low_freq_factor = 1.0f;                        // kLlama3.
  float high_freq_factor = 4.0f;                       // kLlama3; above low_freq_factor.
  std::uint32_t original_max_position_embeddings = 0;  // kLlama3.

  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

struct ModelConfig {
  std::string architecture;  // architectures[0], e.g. "LlamaForCausalLM".
  std::uint32_t vocab_size = 0;
  std::uint32_t hidden_size = 0;
  std::uint32_t num_hidden_layers = 0;
  std::uint32_t max_position_embeddings = 0;  // The context: prompt and output together.
  float rms_norm_eps = 1e-6f;
  float initializer_range = 0.02f;   // Standard deviation of weights before training; for random ones.
  bool tie_word_embeddings = false;  // The embedding table is the output head as well.
  AttentionConfig attention;
  FeedForwardConfig feed_forward;
  RopeConfig rope;
  std::optional<TokenId> bos_token_id;
  std::vector<TokenId> eos_token_ids;  // May be empty.
  std::optional<DType> torch_dtype;    // Of the file's weights, as config.json has it.

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

// Parses the text of a config.json. Hostile input is refused, never trusted; an unknown architecture names itself and
// lists what is supported. `name` stands for the file in errors.
Result<ModelConfig> parse_model_config(std::string_view json, std::string_view name = "config.json");

// Reads model_dir/config.json, of at most kConfigBytesMax.
Result<ModelConfig> load_model_config(const std::filesystem::path& model_dir);

// The architectures that parse_model_config knows.
std::vector<std::string_view> supported_architectures();

// Bytes of keys and values of one token in one layer. `compute` is the dtype of the KV cache: f32 or bf16.
std::uint64_t kv_bytes_per_token_per_layer(const ModelConfig& config, DType compute);

}  // namespace sluice
