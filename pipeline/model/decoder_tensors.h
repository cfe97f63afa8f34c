// The weights of a decoder by name and shape: what the loader looks up, what a plan counts. One list serves both, so a
// plan never disagrees with what gets loaded.
//
// Units: shapes are elements; a vector has one row. A rank of several has some rows or columns of most tensors.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/model/model_config.h"
#include "pipeline/model/shard.h"

namespace sluice {

enum class TensorRole : std::uint8_t {
  kEmbedding,  // [vocab_size, hidden_size]
  kInputNorm,  // [hidden_size], before attention

  // Attention. Of query heads q, each key_dim(), KV heads k, rank r of the query projection, rank c of the latent one.
  kQueryDown,  // [r, hidden_size]
  kQueryDownBias,
  kQueryDownNorm,  // [r]
  kQuery,          // [q * key_dim, hidden_size, or r]
  kQueryBias,
  kQueryNorm,  // [head_dim]
  kKey,        // [k * head_dim, hidden_size]
  kKeyBias,
  kKeyNorm,  // [head_dim]
  kValue,    // As kKey.
  kValueBias,
  kLatent,  // [c + qk_rope_head_dim, hidden_size]
  kLatentBias,
  kLatentNorm,           // [c]
  kLatentUp,             // [q * (qk_nope_head_dim + v_head_dim), c]
  kAttentionOutput,      // [hidden_size, q * (head_dim, or v_head_dim)]
  kAttentionOutputBias,  // Of rank 0 alone.

  // The feed-forward part, of intermediate size i: of a mixture that of its shared experts.
  kPostAttentionNorm,  // [hidden_size], before it
  kGate,               // [i, hidden_size]
  kGateBias,
  kUp,  // As kGate.
  kUpBias,
  kDown,      // [hidden_size, i]
  kDownBias,  // Of rank 0 alone.
  // A mixture: the router, and each expert as above.
  kRouter,      // [num_experts, hidden_size]
  kRouterBias,  // [num_experts], f32
  kExpertGate,
  kExpertUp,
  kExpertDown,

  kFinalNorm,   // [hidden_size]
  kOutputHead,  // [vocab_size, hidden_size]; the embedding table where embeddings are tied
};

constexpr bool is_expert_role(TensorRole role) {
  return role == TensorRole::kExpertGate || role == TensorRole::kExpertUp || role == TensorRole::kExpertDown;
}

enum class TensorKind : std::uint8_t { kMatrix, kNorm, kBias };

struct DecoderTensor {
  TensorRole role = TensorRole::kEmbedding;
  TensorKind kind = TensorKind::kMatrix;
  std::uint32_t layer = 0;   // Of the model, for roles inside a layer.
  std::uint32_t expert = 0;  // Of the layer, for roles of experts.
  std::string name;          // In the checkpoint, as transformers spells it.
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  // Where that lies in the whole tensor, which is what the file has.
  std::uint64_t first_row = 0;
  std::uint64_t first_column = 0;
  std::uint64_t whole_rows = 0;
  std::uint64_t whole_columns = 0;

  // The file has it with one dimension.
  bool is_vector() const { return kind != TensorKind::kMatrix; }
  std::uint64_t elements() const { return rows * columns; }
  // What it is in memory where matrices are `dtype`: choices of experts hang on small differences.
  DType stored_as(DType dtype) const { return role == TensorRole::kRouterBias ? DType::kF32 : dtype; }
};

// Which part of the model a stage's rank has.
struct LayerRange {
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;
  bool is_first = false;
  bool is_last = false;
  Shard shard = {};
};

// Calls `visit` for the tensors of the range's layers, which must exist, with the embedding table on the first stage,
// final norm and output head on the last. With tied embeddings a stage that is both lists the table once, as
// kEmbedding. With the shapes of the shard, which check_shard() has accepted.
void for_each_tensor(const ModelConfig& config, const LayerRange& range,
                     const std::function<void(const DecoderTensor&)>& visit);

// Those as a list.
std::vector<DecoderTensor> decoder_tensors(const ModelConfig& config, const LayerRange& range);

// Bytes that those take in memory, in `dtype`.
std::uint64_t weights_bytes(const ModelConfig& config, const LayerRange& range, DType dtype);

}  // namespace sluice
