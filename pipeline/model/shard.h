// One rank's part of a tensor-parallel stage (docs/decisions/0018): a share of the attention heads, of the feed-forward
// part's inner size (or of a mixture's experts) and of the vocabulary. All other sizes are the model's.
//
// Units:  elements; token ids.
// Errors: kInvalidConfig where the model cannot be shared out so.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/expert_split.h"
#include "pipeline/model/model_config.h"

namespace sluice {

inline constexpr std::uint32_t kRanksMax = 64;

struct Shard {
  std::uint32_t rank = 0;
  std::uint32_t num_ranks = 1;  // 1: everything.
  ExpertSplit experts = ExpertSplit::kByWidth;

  bool is_whole() const { return num_ranks == 1; }

  friend bool operator==(const Shard&, const Shard&) = default;
};

// Heads and inner sizes divide by the ranks, of a mixture's those that are shared out; KV heads do, or the ranks by
// them (then several ranks hold the same one).
Result<void> check_shard(const ModelConfig& config, const Shard& shard);

// Of `total`, this rank's [begin, end). Shares differ by one at most, where total does not divide.
struct ShardRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::uint64_t size() const { return end - begin; }
};
ShardRange share_of(std::uint64_t total, const Shard& shard);
// The KV heads that this rank's query heads look at.
ShardRange key_value_heads_of(const ModelConfig& config, const Shard& shard);
// The experts that it has, and which of the inner elements of each.
ShardRange experts_of(const ModelConfig& config, const Shard& shard);
ShardRange expert_width_of(const ModelConfig& config, const Shard& shard);

// The model as its layers look to one rank: fewer heads, smaller inner sizes. The vocabulary stays whole, and so does
// the number of experts to choose from. After check_shard().
ModelConfig shard_config(const ModelConfig& config, const Shard& shard);

}  // namespace sluice
