#include "pipeline/route/prefix_map.h"

#include <algorithm>

#include "base/check.h"
#include "pipeline/kv_cache/prefix_index.h"

namespace sluice {

PrefixMap::PrefixMap(std::uint32_t block_tokens, std::uint32_t blocks_max)
    : block_tokens_(block_tokens), blocks_max_(blocks_max) {
  SLUICE_CHECK_GT(block_tokens, 0u);
  SLUICE_CHECK_GT(blocks_max, 0u);
}

std::vector<std::uint64_t> PrefixMap::chain(std::string_view tenant, std::span<const TokenId> prompt) const {
  std::vector<std::uint64_t> hashes(std::min<std::size_t>(prompt.size() / block_tokens_, blocks_max_));
  std::uint64_t parent = hash_tenant(tenant);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    parent = hash_block(parent, prompt.subspan(i * block_tokens_, block_tokens_));
    hashes[i] = parent;
  }
  return hashes;
}

PrefixMap::Match PrefixMap::find(std::span<const std::uint64_t> chain) const {
  Match match;
  for (const std::uint64_t hash : chain) {
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end()) break;
    const ReplicaSet replicas = found->second->replicas & (match.blocks == 0 ? ~ReplicaSet() : match.replicas);
    if (replicas.none()) break;
    match.replicas = replicas;
    ++match.blocks;
  }
  return match;
}

void PrefixMap::add(std::span<const std::uint64_t> chain, std::uint32_t replica) {
  // From the end on: so a beginning is used later than what continues it.
  for (auto hash = chain.rbegin(); hash != chain.rend(); ++hash) {
    if (const auto found = by_hash_.find(*hash); found != by_hash_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
    } else {
      entries_.push_front({*hash, {}});
      by_hash_.emplace(*hash, entries_.begin());
    }
    entries_.front().replicas.set(replica);
  }
  while (entries_.size() > blocks_max_) {
    by_hash_.erase(entries_.back().hash);
    entries_.pop_back();
  }
}

void PrefixMap::forget(std::uint32_t replica) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry->replicas.reset(replica);
    if (entry->replicas.any()) {
      ++entry;
      continue;
    }
    by_hash_.erase(entry->hash);
    entry = entries_.erase(entry);
  }
}

void PrefixMap::check_invariants() const {
  SLUICE_CHECK_EQ(entries_.size(), by_hash_.size());
  SLUICE_CHECK_LE(entries_.size(), blocks_max_);
  for (const Entry& entry : entries_) {
    SLUICE_CHECK(entry.replicas.any());
    SLUICE_CHECK(by_hash_.contains(entry.hash));
  }
}

}  // namespace sluice
