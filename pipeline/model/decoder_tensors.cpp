#include "pipeline/model/decoder_tensors.h"

#include "base/check.h"

namespace sluice {
namespace {

class TensorList {
 public:
  explicit TensorList(const ModelConfig& config) : config_(config) {}

  void matrix(TensorRole role, std::uint32_t layer, std::string name, std::uint64_t rows, std::uint64_t columns) {
    tensors_.push_back({role, layer, std::move(name), rows, columns, false});
  }
  void vector(TensorRole role, std::uint32_t layer, std::string name, std::uint64_t size) {
    tensors_.push_back({role, layer, std::move(name), 1, size, true});
  }

  void attention(std::uint32_t layer, const std::string& prefix) {
    const auto& part = config_.attention;
    const std::uint64_t hidden = config_.hidden_size;
    const std::uint64_t query = std::uint64_t{part.num_attention_heads} * part.head_dim;
    const std::uint64_t key = std::uint64_t{part.num_key_value_heads} * part.head_dim;
    switch (part.kind) {
      case AttentionKind::kGroupedQuery:
        matrix(TensorRole::kQuery, layer, prefix + "self_attn.q_proj.weight", query, hidden);
        matrix(TensorRole::kKey, layer, prefix + "self_attn.k_proj.weight", key, hidden);
        matrix(TensorRole::kValue, layer, prefix + "self_attn.v_proj.weight", key, hidden);
        matrix(TensorRole::kAttentionOutput, layer, prefix + "self_attn.o_proj.weight", hidden, query);
        break;
    }
  }

  void feed_forward(std::uint32_t layer, const std::string& prefix) {
    const std::uint64_t hidden = config_.hidden_size;
    const std::uint64_t intermediate = config_.feed_forward.intermediate_size;
    switch (config_.feed_forward.kind) {
      case FeedForwardKind::kSwiGlu:
        matrix(TensorRole::kGate, layer, prefix + "mlp.gate_proj.weight", intermediate, hidden);
        matrix(TensorRole::kUp, layer, prefix + "mlp.up_proj.weight", intermediate, hidden);
        matrix(TensorRole::kDown, layer, prefix + "mlp.down_proj.weight", hidden, intermediate);
        break;
    }
  }

  std::vector<DecoderTensor> take() { return std::move(tensors_); }

 private:
  const ModelConfig& config_;
  std::vector<DecoderTensor> tensors_;
};

}  // namespace

std::vector<DecoderTensor> decoder_tensors(const ModelConfig& config, std::uint32_t first_layer,
                                           std::uint32_t num_layers, bool is_first, bool is_last) {
  SLUICE_CHECK_LE(std::uint64_t{first_layer} + num_layers, std::uint64_t{config.num_hidden_layers});
  const std::string table = "model.embed_tokens.weight";
  TensorList list(config);
  if (is_first) list.matrix(TensorRole::kEmbedding, 0, table, config.vocab_size, config.hidden_size);
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
      list.matrix(TensorRole::kOutputHead, 0, config.tie_word_embeddings ? table : "lm_head.weight", config.vocab_size,
                  config.hidden_size);
    }
  }
  return list.take();
}

}  // namespace sluice
