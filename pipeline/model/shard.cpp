#include "pipeline/model/shard.h"

#include "base/check.h"

namespace sluice {
namespace {

Error refused(const std::string& what, std::uint32_t size, std::uint32_t num_ranks) {
  return Error{ErrorCode::kInvalidConfig,
               std::to_string(num_ranks) + " ranks do not divide the model's " + std::to_string(size) + " " + what};
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
  if (attention.num_key_value_heads % ranks != 0 && ranks % attention.num_key_value_heads != 0) {
    return refused("KV heads, nor these the ranks", attention.num_key_value_heads, ranks);
  }
  if (config.feed_forward.intermediate_size % ranks != 0) {
    return refused("columns of the feed-forward part (intermediate_size)", config.feed_forward.intermediate_size,
                   ranks);
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

ModelConfig shard_config(const ModelConfig& config, const Shard& shard) {
  ModelConfig part = config;
  part.attention.num_attention_heads /= shard.num_ranks;
  part.attention.num_key_value_heads = static_cast<std::uint32_t>(key_value_heads_of(config, shard).size());
  part.feed_forward.intermediate_size /= shard.num_ranks;
  return part;
}

}  // namespace sluice
