#include "pipeline/model/shard.h"

#include <algorithm>

#include "base/check.h"

namespace sluice {
namespace {

Error refused(const std::string& what, std::uint32_t size, std::uint32_t num_ranks) {
  return Error{ErrorCode::kInvalidConfig,
               std::to_string(num_ranks) + " ranks do not divide the model's " + std::to_string(size) + " " + what};
}

Result<void> check_mixture(const MixtureConfig& mixture, const Shard& shard) {
  const std::uint32_t ranks = shard.num_ranks;
  if (shard.experts == ExpertSplit::kByWidth && mixture.intermediate_size % ranks != 0) {
    return refused("columns of an expert (moe_intermediate_size)", mixture.intermediate_size, ranks);
  }
  if (shard.experts == ExpertSplit::kByExpert && mixture.num_experts < ranks) {
    return refused("experts", mixture.num_experts, ranks);
  }
  if (mixture.shared_intermediate_size % ranks != 0) {
    return refused("columns of the shared experts", mixture.shared_intermediate_size, ranks);
  }
  return {};
}

}  // namespace

Result<void> check_shard(const ModelConfig& config, const Shard& shard) {
  const std::uint32_t ranks = shard.num_ranks;
  if (ranks == 0 || ranks > kRanksMax || shard.rank >= ranks) {
    return Error{ErrorCode::kInvalidConfig, "rank " + std::to_string(shard.rank) + " of " + std::to_string(ranks) +
                                                " ranks, the limit is " + std::to_string(kRanksMax)};
  }
  const AttentionConfig& attention = config.attention;
  if (attention.num_attention_heads % ranks != 0)
    return refused("attention heads", attention.num_attention_heads, ranks);
  if (attention.kind == AttentionKind::kGroupedQuery && attention.num_key_value_heads % ranks != 0 &&
      ranks % attention.num_key_value_heads != 0) {
    return refused("KV heads, nor these the ranks", attention.num_key_value_heads, ranks);
  }
  const auto mixtures = static_cast<std::uint32_t>(std::ranges::count(config.mixture_layers, true));
  if (mixtures < config.num_hidden_layers && config.feed_forward.intermediate_size % ranks != 0) {
    return refused("columns of the feed-forward part (intermediate_size)", config.feed_forward.intermediate_size,
                   ranks);
  }
  if (mixtures > 0) {
    if (auto checked = check_mixture(config.mixture, shard); !checked.ok()) return checked;
  }
  if (config.vocab_size < ranks) return refused("tokens of the vocabulary", config.vocab_size, ranks);
  return {};
}

ShardRange share_of(std::uint64_t total, const Shard& shard) {
  SLUICE_CHECK_LT(shard.rank, shard.num_ranks);
  return {total * shard.rank / shard.num_ranks, total * (shard.rank + std::uint64_t{1}) / shard.num_ranks};
}

ShardRange key_value_heads_of(const ModelConfig& config, const Shard& shard) {
  const std::uint32_t heads = config.attention.num_key_value_heads;
  if (heads % shard.num_ranks == 0) return share_of(heads, shard);
  const std::uint64_t head = std::uint64_t{heads} * shard.rank / shard.num_ranks;
  return {head, head + 1};
}

ShardRange experts_of(const ModelConfig& config, const Shard& shard) {
  const std::uint32_t experts = config.mixture.num_experts;
  return shard.experts == ExpertSplit::kByExpert ? share_of(experts, shard) : ShardRange{0, experts};
}

ShardRange expert_width_of(const ModelConfig& config, const Shard& shard) {
  const std::uint32_t width = config.mixture.intermediate_size;
  return shard.experts == ExpertSplit::kByWidth ? share_of(width, shard) : ShardRange{0, width};
}

ModelConfig shard_config(const ModelConfig& config, const Shard& shard) {
  ModelConfig part = config;
  part.attention.num_attention_heads /= shard.num_ranks;
  if (config.attention.kind == AttentionKind::kGroupedQuery) {
    part.attention.num_key_value_heads = static_cast<std::uint32_t>(key_value_heads_of(config, shard).size());
  }
  part.feed_forward.intermediate_size /= shard.num_ranks;
  part.mixture.intermediate_size = static_cast<std::uint32_t>(expert_width_of(config, shard).size());
  part.mixture.shared_intermediate_size /= shard.num_ranks;
  return part;
}

}  // namespace sluice
