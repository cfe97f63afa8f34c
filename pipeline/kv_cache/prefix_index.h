// Finds KV blocks by their contents: a tree of full blocks, in which each node continues its parent's tokens. A node is
// reached from its tenant's root only, so that tenants never meet.
//
// A look-up goes by a chain of hashes (XXH3-64 of the parent's hash and the token ids; the tenant stands for the first
// one's parent), and then compares parent and token ids: hashes may collide.
//
// Owns:       the nodes, not the blocks (BlockPool does).
// Confined:   to the batcher; not thread-safe.
// Bound:      a node per block of the replica; kNodesPerHash nodes of one hash, so that made collisions cost little.
// Invariant:  a node whose block has users has a parent with users: whoever uses a block uses all before it. So every
//             idle block can be evicted, leaves first (check_invariants()).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/id.h"

namespace sluice {

// Of a block's tokens after those that gave `parent`. Deterministic; `parent` of a first block is hash_tenant().
using BlockHash = std::uint64_t (*)(std::uint64_t parent, std::span<const TokenId> tokens);
std::uint64_t hash_block(std::uint64_t parent, std::span<const TokenId> tokens);
std::uint64_t hash_tenant(std::string_view tenant);

// What a node continues: the block before it, or, for the first one, nothing but its tenant.
struct BlockParent {
  std::optional<BlockId> block;
  std::string_view tenant;  // Looked at only without a block.
};

class PrefixIndex {
 public:
  static constexpr std::size_t kNodesPerHash = 8;

  PrefixIndex(std::uint32_t num_blocks, BlockHash hash) : nodes_(num_blocks), hash_(hash) {}

  // The block that holds `tokens` after `parent`, which is in the index.
  std::optional<BlockId> find(const BlockParent& parent, std::span<const TokenId> tokens) const;
  // Adds a block with users. find() of the same has given nothing. False, and no change: too many of one hash.
  bool insert(BlockId block, const BlockParent& parent, std::span<const TokenId> tokens);
  bool contains(BlockId block) const { return nodes_[block.value].has_value(); }

  // Its last user has gone, or a first one has come.
  void set_idle(BlockId block);
  void set_used(BlockId block);

  // Takes out the leaf that has been idle the longest; nothing without idle blocks.
  std::optional<BlockId> evict();

  std::uint32_t size() const { return static_cast<std::uint32_t>(by_hash_.size()); }
  std::uint32_t num_idle() const { return num_idle_; }
  bool is_idle(BlockId block) const { return contains(block) && nodes_[block.value]->idle_since != 0; }
  void check_invariants() const;

 private:
  struct Node {
    std::uint64_t hash = 0;
    std::optional<BlockId> parent;
    std::string tenant;  // Of a first block; else empty.
    std::vector<TokenId> tokens;
    std::uint32_t num_children = 0;
    std::uint64_t idle_since = 0;  // Counts set_idle(); 0: it has users.
  };

  std::uint64_t hash_of(const BlockParent& parent, std::span<const TokenId> tokens) const;
  bool is_evictable(const Node& node) const { return node.idle_since != 0 && node.num_children == 0; }

  std::vector<std::optional<Node>> nodes_;  // By block.
  std::unordered_multimap<std::uint64_t, BlockId> by_hash_;
  std::set<std::pair<std::uint64_t, BlockId>> idle_leaves_;  // By idle_since.
  std::uint32_t num_idle_ = 0;
  std::uint64_t last_idle_ = 0;
  BlockHash hash_;
};

}  // namespace sluice
