// The weights of a decoder by name and shape: what the loader looks up, what a plan counts. One list serves both, so a
// plan never disagrees with what gets loaded.
//
// Units: shapes are elements; a vector has one row. A rank of several has some rows or columns of most matrices.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/model/model_config.h"
#include "pipeline/model/shard.h"

namespace sluice {

enum class TensorRole : std::uint8_t {
  kEmbedding,          // [vocab_size, hidden_size]
  kInputNorm,          // [hidden_size], before attention
  kQuery,              // [num_attention_heads * head_dim, hidden_size]
  kKey,                // [num_key_value_heads * head_dim, hidden_size]
  kValue,              // as kKey
  kAttentionOutput,    // [hidden_size, num_attention_heads * head_dim]
  kPostAttentionNorm,  // [hidden_size], before the feed-forward part
  kGate,               // [intermediate_size, hidden_size]
  kUp,                 // as kGate
  kDown,               // [hidden_size, intermediate_size]
  kFinalNorm,          // [hidden_size]
  kOutputHead,         // [vocab_size, hidden_size]; the embedding table where embeddings are tied
};

struct DecoderTensor {
  TensorRole role = TensorRole::kEmbedding;
  std::uint32_t layer = 0;  // Of the model, for roles inside a layer.
  std::string name;         // In the checkpoint, as transformers spells it.
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  bool is_vector = false;  // The file has it with one dimension.
  // Where that lies in the whole tensor, which is what the file has.
  std::uint64_t first_row = 0;
  std::uint64_t first_column = 0;
  std::uint64_t whole_rows = 0;
  std::uint64_t whole_columns = 0;

  std::uint64_t elements() const { return rows * columns; }
  bool is_whole() const { return rows == whole_rows && columns == whole_columns; }
};

// The tensors of layers [first_layer, first_layer + num_layers), which must exist, with the embedding table on the
// first stage, final norm and output head on the last. With tied embeddings a stage that is both lists the table once,
// as kEmbedding. With the shapes of the shard, which check_shard() has accepted.
std::vector<DecoderTensor> decoder_tensors(const ModelConfig& config, std::uint32_t first_layer,
                                           std::uint32_t num_layers, bool is_first, bool is_last,
                                           const Shard& shard = {});

// Bytes that those take in memory, in `dtype`.
std::uint64_t weights_bytes(const ModelConfig& config, std::uint32_t first_layer, std::uint32_t num_layers,
                            bool is_first, bool is_last, DType dtype, const Shard& shard = {});

}  // namespace sluice
