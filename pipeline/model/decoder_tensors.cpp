#include "pipeline/model/decoder_tensors.h"

#include "base/check.h"

namespace sluice {
namespace {

using Visit = std::function<void(const DecoderTensor&)>;

class TensorList {
 public:
  TensorList(const ModelConfig& config, const Shard& shard, const Visit& visit)
      : config_(config), shard_(shard), visit_(visit) {}

  void layer(std::uint32_t index) {
    layer_ = index;
    prefix_ = "model.layers." + std::to_string(index) + ".";
    norm(TensorRole::kInputNorm, "input_layernorm", config_.hidden_size);
    switch (config_.attention.kind) {
      case AttentionKind::kGroupedQuery: grouped_query_attention(); break;
      case AttentionKind::kLatent: latent_attention(); break;
    }
    norm(TensorRole::kPostAttentionNorm, "post_attention_layernorm", config_.hidden_size);
    switch (config_.feed_forward_kind(index)) {
      case FeedForwardKind::kSwiGlu:
        swiglu(kPart, "mlp", config_.feed_forward.intermediate_size, share(config_.feed_forward.intermediate_size),
               config_.feed_forward.has_bias);
        break;
      case FeedForwardKind::kMixture: mixture(); break;
    }
  }

  void vocabulary(TensorRole role, std::string name) {
    layer_ = 0;
    prefix_.clear();
    by_rows(role, name, config_.vocab_size, config_.hidden_size, share(config_.vocab_size));
  }

  void final_norm() {
    layer_ = 0;
    prefix_ = "model.";
    norm(TensorRole::kFinalNorm, "norm", config_.hidden_size);
  }

 private:
  struct SwiGluRoles {
    TensorRole gate, up, down;
  };
  static constexpr SwiGluRoles kPart = {TensorRole::kGate, TensorRole::kUp, TensorRole::kDown};
  static constexpr SwiGluRoles kExpert = {TensorRole::kExpertGate, TensorRole::kExpertUp, TensorRole::kExpertDown};

  ShardRange share(std::uint64_t total) const { return share_of(total, shard_); }

  void add(TensorRole role, TensorKind kind, const std::string& name, std::uint64_t rows, std::uint64_t columns,
           const ShardRange& row_part, const ShardRange& column_part) {
    visit_({role, kind, layer_, expert_, prefix_ + name, row_part.size(), column_part.size(), row_part.begin,
            column_part.begin, rows, columns});
  }
  // A rank has some of the rows, all of each: their products are parts of the output, side by side.
  void by_rows(TensorRole role, const std::string& name, std::uint64_t rows, std::uint64_t columns,
               const ShardRange& part) {
    add(role, TensorKind::kMatrix, name + ".weight", rows, columns, part, {0, columns});
  }
  // A rank has some of the columns: products with its part of the input, to be added up.
  void by_columns(TensorRole role, const std::string& name, std::uint64_t rows, std::uint64_t columns,
                  const ShardRange& part) {
    add(role, TensorKind::kMatrix, name + ".weight", rows, columns, {0, rows}, part);
  }
  void everywhere(TensorRole role, const std::string& name, std::uint64_t rows, std::uint64_t columns) {
    by_rows(role, name, rows, columns, {0, rows});
  }
  void norm(TensorRole role, const std::string& name, std::uint64_t size) {
    add(role, TensorKind::kNorm, name + ".weight", 1, size, {0, 1}, {0, size});
  }
  void bias(TensorRole role, const std::string& name, std::uint64_t size, const ShardRange& part) {
    add(role, TensorKind::kBias, name + ".bias", 1, size, {0, 1}, part);
  }
  // Of what is added up over the ranks: one of them brings it in.
  void bias_once(TensorRole role, const std::string& name, std::uint64_t size) {
    if (shard_.rank == 0) bias(role, name, size, {0, size});
  }

  void grouped_query_attention() {
    const AttentionConfig& part = config_.attention;
    const std::uint64_t hidden = config_.hidden_size;
    const std::uint64_t query = std::uint64_t{part.num_attention_heads} * part.head_dim;
    const std::uint64_t key = std::uint64_t{part.num_key_value_heads} * part.head_dim;
    const ShardRange queries = share(query);
    const ShardRange heads = key_value_heads_of(config_, shard_);
    const ShardRange keys = {heads.begin * part.head_dim, heads.end * part.head_dim};
    by_rows(TensorRole::kQuery, "self_attn.q_proj", query, hidden, queries);
    by_rows(TensorRole::kKey, "self_attn.k_proj", key, hidden, keys);
    by_rows(TensorRole::kValue, "self_attn.v_proj", key, hidden, keys);
    by_columns(TensorRole::kAttentionOutput, "self_attn.o_proj", hidden, query, queries);
    if (part.has_input_bias) {
      bias(TensorRole::kQueryBias, "self_attn.q_proj", query, queries);
      bias(TensorRole::kKeyBias, "self_attn.k_proj", key, keys);
      bias(TensorRole::kValueBias, "self_attn.v_proj", key, keys);
    }
    if (part.has_output_bias) bias_once(TensorRole::kAttentionOutputBias, "self_attn.o_proj", hidden);
    if (part.has_head_norms) {
      norm(TensorRole::kQueryNorm, "self_attn.q_norm", part.head_dim);
      norm(TensorRole::kKeyNorm, "self_attn.k_norm", part.head_dim);
    }
  }

  void latent_attention() {
    const AttentionConfig& part = config_.attention;
    const LatentConfig& latent = part.latent;
    const std::uint64_t hidden = config_.hidden_size;
    const std::uint64_t heads = part.num_attention_heads;
    const std::uint64_t query = heads * latent.qk_head_dim();
    const std::uint64_t up = heads * (std::uint64_t{latent.qk_nope_head_dim} + latent.v_head_dim);
    const std::uint64_t value = heads * latent.v_head_dim;
    if (latent.q_lora_rank > 0) {
      everywhere(TensorRole::kQueryDown, "self_attn.q_a_proj", latent.q_lora_rank, hidden);
      if (part.has_input_bias) {
        bias(TensorRole::kQueryDownBias, "self_attn.q_a_proj", latent.q_lora_rank, {0, latent.q_lora_rank});
      }
      norm(TensorRole::kQueryDownNorm, "self_attn.q_a_layernorm", latent.q_lora_rank);
      by_rows(TensorRole::kQuery, "self_attn.q_b_proj", query, latent.q_lora_rank, share(query));
    } else {
      by_rows(TensorRole::kQuery, "self_attn.q_proj", query, hidden, share(query));
    }
    everywhere(TensorRole::kLatent, "self_attn.kv_a_proj_with_mqa", latent.cached_dim(), hidden);
    if (part.has_input_bias) {
      bias(TensorRole::kLatentBias, "self_attn.kv_a_proj_with_mqa", latent.cached_dim(), {0, latent.cached_dim()});
    }
    norm(TensorRole::kLatentNorm, "self_attn.kv_a_layernorm", latent.kv_lora_rank);
    by_rows(TensorRole::kLatentUp, "self_attn.kv_b_proj", up, latent.kv_lora_rank, share(up));
    by_columns(TensorRole::kAttentionOutput, "self_attn.o_proj", hidden, value, share(value));
    if (part.has_output_bias) bias_once(TensorRole::kAttentionOutputBias, "self_attn.o_proj", hidden);
  }

  void swiglu(const SwiGluRoles& roles, const std::string& name, std::uint64_t intermediate, const ShardRange& part,
              bool has_bias = false) {
    const std::uint64_t hidden = config_.hidden_size;
    by_rows(roles.gate, name + ".gate_proj", intermediate, hidden, part);
    by_rows(roles.up, name + ".up_proj", intermediate, hidden, part);
    by_columns(roles.down, name + ".down_proj", hidden, intermediate, part);
    if (!has_bias) return;
    bias(TensorRole::kGateBias, name + ".gate_proj", intermediate, part);
    bias(TensorRole::kUpBias, name + ".up_proj", intermediate, part);
    bias_once(TensorRole::kDownBias, name + ".down_proj", hidden);
  }

  void mixture() {
    const MixtureConfig& part = config_.mixture;
    everywhere(TensorRole::kRouter, "mlp.gate", part.num_experts, config_.hidden_size);
    if (part.ranking == kernels::ExpertRanking::kBiasCorrected) {
      add(TensorRole::kRouterBias, TensorKind::kBias, "mlp.gate.e_score_correction_bias", 1, part.num_experts, {0, 1},
          {0, part.num_experts});
    }
    const ShardRange experts = experts_of(config_, shard_);
    const ShardRange width = expert_width_of(config_, shard_);
    for (std::uint64_t expert = experts.begin; expert < experts.end; ++expert) {
      expert_ = static_cast<std::uint32_t>(expert);
      swiglu(kExpert, "mlp.experts." + std::to_string(expert), part.intermediate_size, width);
    }
    expert_ = 0;
    if (part.shared_intermediate_size == 0) return;
    swiglu(kPart, "mlp.shared_experts", part.shared_intermediate_size, share(part.shared_intermediate_size));
  }

  const ModelConfig& config_;
  const Shard& shard_;
  const Visit& visit_;
  std::uint32_t layer_ = 0;
  std::uint32_t expert_ = 0;
  std::string prefix_;
};

}  // namespace

void for_each_tensor(const ModelConfig& config, const LayerRange& range, const Visit& visit) {
  SLUICE_CHECK_LE(std::uint64_t{range.first_layer} + range.num_layers, std::uint64_t{config.num_hidden_layers});
  const std::string table = "model.embed_tokens";
  TensorList list(config, range.shard, visit);
  if (range.is_first) list.vocabulary(TensorRole::kEmbedding, table);
  for (std::uint32_t i = 0; i < range.num_layers; ++i) list.layer(range.first_layer + i);
  if (!range.is_last) return;
  list.final_norm();
  if (config.tie_word_embeddings && range.is_first) return;
  list.vocabulary(TensorRole::kOutputHead, config.tie_word_embeddings ? table : "lm_head");
}

std::vector<DecoderTensor> decoder_tensors(const ModelConfig& config, const LayerRange& range) {
  std::vector<DecoderTensor> tensors;
  for_each_tensor(config, range, [&](const DecoderTensor& tensor) { tensors.push_back(tensor); });
  return tensors;
}

std::uint64_t weights_bytes(const ModelConfig& config, const LayerRange& range, DType dtype) {
  std::uint64_t bytes = 0;
  for_each_tensor(config, range, [&](const DecoderTensor& tensor) {
    bytes += tensor.elements() * size_bytes(tensor.stored_as(dtype));
  });
  return bytes;
}

}  // namespace sluice
