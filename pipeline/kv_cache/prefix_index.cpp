#include "pipeline/kv_cache/prefix_index.h"

#include <xxhash.h>

#include <algorithm>

#include "base/check.h"

namespace sluice {

std::uint64_t hash_block(std::uint64_t parent, std::span<const TokenId> tokens) {
  return XXH3_64bits_withSeed(tokens.data(), tokens.size_bytes(), parent);
}

std::uint64_t hash_tenant(std::string_view tenant) {
  return XXH3_64bits(tenant.data(), tenant.size());
}

std::uint64_t PrefixIndex::hash_of(const BlockParent& parent, std::span<const TokenId> tokens) const {
  return hash_(parent.block ? nodes_[parent.block->value]->hash : hash_tenant(parent.tenant), tokens);
}

std::optional<BlockId> PrefixIndex::find(const BlockParent& parent, std::span<const TokenId> tokens) const {
  const auto [first, last] = by_hash_.equal_range(hash_of(parent, tokens));
  for (auto found = first; found != last; ++found) {
    const Node& node = *nodes_[found->second.value];
    const bool is_same_parent = node.parent == parent.block && (parent.block || node.tenant == parent.tenant);
    if (is_same_parent && std::ranges::equal(node.tokens, tokens)) return found->second;
  }
  return std::nullopt;
}

bool PrefixIndex::insert(BlockId block, const BlockParent& parent, std::span<const TokenId> tokens) {
  SLUICE_CHECK(!contains(block));
  const std::uint64_t hash = hash_of(parent, tokens);
  if (by_hash_.count(hash) >= kNodesPerHash) return false;
  if (parent.block) {
    Node& before = *nodes_[parent.block->value];
    SLUICE_CHECK_EQ(before.idle_since, 0u);
    ++before.num_children;
  }
  Node& node = nodes_[block.value].emplace();
  node.hash = hash;
  node.parent = parent.block;
  if (!parent.block) node.tenant = parent.tenant;
  node.tokens.assign(tokens.begin(), tokens.end());
  by_hash_.emplace(hash, block);
  return true;
}

void PrefixIndex::set_idle(BlockId block) {
  Node& node = *nodes_[block.value];
  SLUICE_CHECK_EQ(node.idle_since, 0u);
  node.idle_since = ++last_idle_;
  ++num_idle_;
  if (is_evictable(node)) idle_leaves_.emplace(node.idle_since, block);
}

void PrefixIndex::set_used(BlockId block) {
  Node& node = *nodes_[block.value];
  SLUICE_CHECK_GT(node.idle_since, 0u);
  idle_leaves_.erase({node.idle_since, block});
  node.idle_since = 0;
  --num_idle_;
}

std::optional<BlockId> PrefixIndex::evict() {
  if (idle_leaves_.empty()) return std::nullopt;
  const BlockId block = idle_leaves_.begin()->second;
  idle_leaves_.erase(idle_leaves_.begin());
  --num_idle_;
  const Node& node = *nodes_[block.value];
  if (node.parent) {
    Node& before = *nodes_[node.parent->value];
    --before.num_children;
    if (is_evictable(before)) idle_leaves_.emplace(before.idle_since, *node.parent);
  }
  const auto [first, last] = by_hash_.equal_range(node.hash);
  by_hash_.erase(std::find_if(first, last, [block](const auto& item) { return item.second == block; }));
  nodes_[block.value].reset();
  return block;
}

void PrefixIndex::check_invariants() const {
  std::uint32_t num_nodes = 0;
  std::uint32_t num_idle = 0;
  std::vector<std::uint32_t> children(nodes_.size(), 0);
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]) continue;
    const Node& node = *nodes_[i];
    ++num_nodes;
    num_idle += node.idle_since != 0 ? 1 : 0;
    SLUICE_CHECK_EQ(idle_leaves_.contains({node.idle_since, BlockId{i}}), is_evictable(node));
    if (!node.parent) continue;
    SLUICE_CHECK(contains(*node.parent));
    SLUICE_CHECK(node.idle_since != 0 || !is_idle(*node.parent));
    ++children[node.parent->value];
  }
  SLUICE_CHECK_EQ(num_nodes, size());
  SLUICE_CHECK_EQ(num_idle, num_idle_);
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    SLUICE_CHECK_EQ(children[i], nodes_[i] ? nodes_[i]->num_children : 0);
  }
}

}  // namespace sluice
