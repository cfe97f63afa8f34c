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
#include "kernels/moe/router.h"

namespace sluice {

inline constexpr std::uint32_t kHiddenSizeMax = 1u << 17;
inline constexpr std::uint32_t kIntermediateSizeMax = 1u << 20;
inline constexpr std::uint32_t kLayersMax = 1024;
inline constexpr std::uint32_t kAttentionHeadsMax = 1024;
inline constexpr std::uint32_t kHeadDimMax = 512;
inline constexpr std::uint32_t kLatentRankMax = 1u << 14;
inline constexpr std::uint32_t kExpertsMax = kernels::RouterOptions::kMaxExperts;
inline constexpr std::uint64_t kExpertsOfAllLayersMax = 1u << 17;  // Each has tensors of its own, which plans count.
inline constexpr std::uint32_t kVocabSizeMax = 1u << 22;
inline constexpr std::uint32_t kContextTokensMax = 1u << 24;
inline constexpr std::size_t kConfigBytesMax = 1u << 20;
inline constexpr std::size_t kEosTokensMax = 16;

enum class AttentionKind : std::uint8_t {
  kGroupedQuery,  // Query heads share key and value heads in groups; with equal numbers, multi-head attention.
  kLatent,        // Keys and values of all heads come from one vector of each token, which alone is cached.
};

// kLatent, as DeepSeek's models have it: q = B norm(A x) or q = W x; [c, k_rope] = A' x; [k, v] = B' norm(c).
struct LatentConfig {
  std::uint32_t q_lora_rank = 0;  // Of the query projection; 0: there is none.
  std::uint32_t kv_lora_rank = 0;
  std::uint32_t qk_nope_head_dim = 0;  // Of queries and keys: what is not rotated, ...
  std::uint32_t qk_rope_head_dim = 0;  // ... and what is. Even. Keys of all heads share the latter.
  std::uint32_t v_head_dim = 0;

  std::uint32_t qk_head_dim() const { return qk_nope_head_dim + qk_rope_head_dim; }
  // What the cache holds of a token.
  std::uint32_t cached_dim() const { return kv_lora_rank + qk_rope_head_dim; }

  friend bool operator==(const LatentConfig&, const LatentConfig&) = default;
};

struct AttentionConfig {
  AttentionKind kind = AttentionKind::kGroupedQuery;
  std::uint32_t num_attention_heads = 0;
  std::uint32_t num_key_value_heads = 0;  // kGroupedQuery: divides num_attention_heads.
  std::uint32_t head_dim = 0;             // kGroupedQuery: even.
  bool has_input_bias = false;            // Of the projections that read the layer's input.
  bool has_output_bias = false;
  bool has_head_norms = false;  // kGroupedQuery: each head of queries and keys is normed before it is rotated.
  float score_factor = 1.0f;    // Scores are products times this, over the root of the keys' dimension.
  LatentConfig latent = {};     // kLatent.

  // How many of a head's elements rotate.
  std::uint32_t rotary_dim() const { return kind == AttentionKind::kLatent ? latent.qk_rope_head_dim : head_dim; }
  // Of queries and keys.
  std::uint32_t key_dim() const { return kind == AttentionKind::kLatent ? latent.qk_head_dim() : head_dim; }

  friend bool operator==(const AttentionConfig&, const AttentionConfig&) = default;
};

enum class FeedForwardKind : std::uint8_t {
  kSwiGlu,   // down(silu(gate(x)) * up(x))
  kMixture,  // The weighted sum of some experts, chosen by a router, and of shared ones; each is such a part.
};

// The layers that are kSwiGlu.
struct FeedForwardConfig {
  std::uint32_t intermediate_size = 0;
  bool has_bias = false;

  friend bool operator==(const FeedForwardConfig&, const FeedForwardConfig&) = default;
};

// The layers that are kMixture. A token's experts are the best num_experts_per_tok of those in its best groups.
struct MixtureConfig {
  std::uint32_t num_experts = 0;  // 0: no layer is one.
  std::uint32_t num_experts_per_tok = 0;
  std::uint32_t intermediate_size = 0;         // Of each expert.
  std::uint32_t shared_intermediate_size = 0;  // Of all shared experts together, which are one part; 0: none.
  // How the router scores and ranks them (kernels/moe/router.h).
  kernels::ExpertScoring scoring = kernels::ExpertScoring::kSoftmax;
  kernels::ExpertRanking ranking = kernels::ExpertRanking::kLargest;
  std::uint32_t num_groups = 1;  // Divides num_experts.
  std::uint32_t topk_groups = 1;
  bool normalizes = false;  // A token's weights add up to 1, before
  float scale = 1.0f;       // they are multiplied by this.

  friend bool operator==(const MixtureConfig&, const MixtureConfig&) = default;
};

enum class RopeScaling : std::uint8_t { kNone, kLinear, kLlama3, kYarn };

// Rotary embedding over all of the rotary dimension.
struct RopeConfig {
  float theta = 10000.0f;
  RopeScaling scaling = RopeScaling::kNone;
  float factor = 1.0f;                                 // But for kNone; 1 or more.
  float low_freq_factor = 1.0f;                        // kLlama3.
  float high_freq_factor = 4.0f;                       // kLlama3; above low_freq_factor.
  std::uint32_t original_max_position_embeddings = 0;  // kLlama3, kYarn.
  float beta_fast = 32.0f;                             // kYarn.
  float beta_slow = 1.0f;                              // kYarn.
  bool truncates = true;                               // kYarn: the blended range begins and ends at whole dimensions.
  float magnitude = 1.0f;                              // Of cosines and sines.
  bool is_interleaved = false;  // Pairs are neighbours; else (Hugging Face's Llama) halves rotate against each other.

  friend bool operator==(const RopeConfig&, const RopeConfig&) = default;
};

// Matrices of the checkpoint in float8_e4m3fn, with a scale for each block.
struct Fp8Blocks {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;

  friend bool operator==(const Fp8Blocks&, const Fp8Blocks&) = default;
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
  MixtureConfig mixture;
  std::vector<bool> mixture_layers;  // Which layers are one; empty: none.
  RopeConfig rope;
  std::optional<TokenId> bos_token_id;
  std::vector<TokenId> eos_token_ids;  // May be empty.
  std::optional<DType> torch_dtype;    // Of the file's weights, as config.json has it.
  std::optional<Fp8Blocks> fp8_blocks;

  FeedForwardKind feed_forward_kind(std::uint32_t layer) const {
    return layer < mixture_layers.size() && mixture_layers[layer] ? FeedForwardKind::kMixture
                                                                  : FeedForwardKind::kSwiGlu;
  }

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

// Parses the text of a config.json. Hostile input is refused, never trusted; an unknown architecture names itself and
// lists what is supported. `name` stands for the file in errors.
Result<ModelConfig> parse_model_config(std::string_view json, std::string_view name = "config.json");

// Reads model_dir/config.json, of at most kConfigBytesMax.
Result<ModelConfig> load_model_config(const std::filesystem::path& model_dir);

// The architectures that parse_model_config knows.
std::vector<std::string_view> supported_architectures();

// What the KV cache holds where the compute dtype is f32 or bf16: f32, or f16; of latent attention f32 always
// (docs/decisions/0024).
DType kv_cache_dtype(const AttentionConfig& attention, DType compute);

// Bytes of what the KV cache holds of one token in one layer.
std::uint64_t kv_bytes_per_token_per_layer(const ModelConfig& config, DType compute);

}  // namespace sluice
