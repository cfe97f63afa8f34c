// Where the blocks of prompts went: hashes of a prompt's full blocks, chained per tenant as in the batchers' own index
// (pipeline/kv_cache/prefix_index.h), and the replicas that were sent a prompt with them.
//
// A guess: hashes may collide, and batchers evict blocks and compute others without telling. Nothing of it is visible
// in a token; a batcher reuses only what it has compared.
//
// Owns:     the map. Confined: to the router; not thread-safe.
// Bound:    blocks_max entries; the longest unused goes first, ends of prompts before beginnings.
// Units:    blocks of block_tokens tokens.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "pipeline/route/route_policy.h"

namespace sluice {

class PrefixMap {
 public:
  PrefixMap(std::uint32_t block_tokens, std::uint32_t blocks_max);

  // One hash for each full block of the prompt, each of all tokens up to its end; blocks_max at most.
  std::vector<std::uint64_t> chain(std::string_view tenant, std::span<const TokenId> prompt) const;

  // The replicas that have the most blocks of the chain's beginning, and how many.
  struct Match {
    std::uint32_t blocks = 0;
    ReplicaSet replicas;
  };
  Match find(std::span<const std::uint64_t> chain) const;

  // The prompt went to this replica.
  void add(std::span<const std::uint64_t> chain, std::uint32_t replica);
  // It has lost its blocks.
  void forget(std::uint32_t replica);

  std::size_t size() const { return by_hash_.size(); }
  void check_invariants() const;

 private:
  struct Entry {
    std::uint64_t hash = 0;
    ReplicaSet replicas;  // 1 or more.
  };

  std::uint32_t block_tokens_;
  std::uint32_t blocks_max_;
  std::list<Entry> entries_;  // The last used first.
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_hash_;
};

}  // namespace sluice
