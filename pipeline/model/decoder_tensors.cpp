#include "pipeline/model/decoder_tensors.h"

#include "base/check.h"

namespace sluice {
namespace {

class TensorList {
 public:
  TensorList(const ModelConfig& config, const Shard& shard) : config_(config), shard_(shard) {}

  // A rank has some of the rows, all of each: their products are parts of the output, side by side.
  void by_rows(TensorRole role, std::uint32_t layer, std::string name, std::uint64_t rows, std::uint64_t columns,
               const ShardRange& part) {
    tensors_.push_back({role, layer, std::move(name), part.size(), columns, false, part.begin, 0, rows, columns});
  }
  // A rank has some of the columns: products with its part of the input, to be added up.
  void by_columns(TensorRole role, std::uint32_t layer, std::string name, std::uint64_t rows, std::uint64_t columns,
                  const ShardRange& part) {
    tensors_.push_back({role, layer, std::move(name), rows, part.size(), false, 0, part.begin, rows, columns});
  }
  void vector(TensorRole role, std::uint32_t layer, std::string name, std::uint64_t size) {
    tensors_.push_back({role, layer, std::move(name), 1, size, true, 0, 0, 1, size});
  }
  void vocabulary(TensorRole role, std::string name) {
    by_rows(role, 0, std::move(name), config_.vocab_size, config_.hidden_size, share_of(config_.vocab_size, shard_));
  }

  void attention(std::uint32_t layer, const std::string& prefix) {
    const auto& part = config_.attention;
    const std::uint64_t hidden = config_.hidden_size;
    const std::uint64_t query = std::uint64_t{part.num_attention_heads} * part.head_dim;
    const std::uint64_t key = std::uint64_t{part.num_key_value_heads} * part.head_dim;
    const ShardRange queries = share_of(query, shard_);
    const ShardRange heads = key_value_heads_of(config_, shard_);
    const ShardRange keys = {heads.begin * part.head_dim, heads.end * part.head_dim};
    switch (part.kind) {
      case AttentionKind::kGroupedQuery:
        by_rows(TensorRole::kQuery, layer, prefix + "self_attn.q_proj.weight", query, hidden, queries);
        by_rows(TensorRole::kKey, layer, prefix + "self_attn.k_proj.weight", key, hidden, keys);
        by_rows(TensorRole::kValue, layer, prefix + "self_attn.v_proj.weight", key, hidden, keys);
        by_columns(TensorRole::kAttentionOutput, layer, prefix + "self_attn.o_proj.weight", hidden, query, queries);
        break;
    }
  }

  void feed_forward(std::uint32_t layer, const std::string& prefix) {
    const std::uint64_t hidden = config_.hidden_size;
    const std::uint64_t intermediate = config_.feed_forward.intermediate_size;
    const ShardRange part = share_of(intermediate, shard_);
    switch (config_.feed_forward.kind) {
      case FeedForwardKind::kSwiGlu:
        by_rows(TensorRole::kGate, layer, prefix + "mlp.gate_proj.weight", intermediate, hidden, part);
        by_rows(TensorRole::kUp, layer, prefix + "mlp.up_proj.weight", intermediate, hidden, part);
        by_columns(TensorRole::kDown, layer, prefix + "mlp.down_proj.weight", hidden, intermediate, part);
        break;
    }
  }

  std::vector<DecoderTensor> take() { return std::move(tensors_); }

 private:
  const ModelConfig& config_;
  const Shard& shard_;
  std::vector<DecoderTensor> tensors_;
};

}  // namespace

std::vector<DecoderTensor> decoder_tensors(const ModelConfig& config, std::uint32_t first_layer,
                                           std::uint32_t num_layers, bool is_first, bool is_last, const Shard& shard) {
  SLUICE_CHECK_LE(std::uint64_t{first_layer} + num_layers, std::uint64_t{config.num_hidden_layers});
  const std::string table = "model.embed_tokens.weight";
  TensorList list(config, shard);
  if (is_first) list.vocabulary(TensorRole::kEmbedding, table);
  for (std::uint32_t layer = first_layer; layer < first_layer + num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    list.vector(TensorRole::kInputNorm, layer, prefix + "input_layernorm.weight", config.hidden_size);
    list.attention(layer, prefix);
    list.vector(TensorRole::kPostAttentionNorm, layer, prefix + "post_attention_layernorm.weight", config.hidden_size);
    list.feed_forward(layer, prefix);
  }
  if (is_last) {
    list.vector(TensorRole::kFinalNorm, 0, "model.norm.weight", config.hidden_size);
    if (!config.tie_word_embeddings || !is_first) {
      list.vocabulary(TensorRole::kOutputHead, config.tie_word_embeddings ? table : "lm_head.weight");
    }
  }
  return list.take();
}

std::uint64_t weights_bytes(const ModelConfig& config, std::uint32_t first_layer, std::uint32_t num_layers,
                            bool is_first, bool is_last, DType dtype, const Shard& shard) {
  std::uint64_t bytes = 0;
  for (const auto& tensor : decoder_tensors(config, first_layer, num_layers, is_first, is_last, shard)) {
    bytes += tensor.elements() * size_bytes(dtype);
  }
  return bytes;
}

}  // namespace sluice
