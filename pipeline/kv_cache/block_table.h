// The blocks of one sequence: position p lies in slot p % block_tokens of block p / block_tokens of the table.
//
// Owns:       one use of each of its blocks; the destructor gives them back.
// Confined:   to the batcher; not thread-safe. The pool must outlive the table.
// Invariant:  every block is used in the pool; no block occurs twice; exactly the first num_shared() ones are shared,
//             and those are full: nothing is written to them any more.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "pipeline/kv_cache/block_pool.h"

namespace sluice {

class BlockTable {
 public:
  explicit BlockTable(BlockPool& pool) : pool_(pool) {}
  BlockTable(const BlockTable&) = delete;
  BlockTable& operator=(const BlockTable&) = delete;
  ~BlockTable() { release(); }

  // Whether positions [0, tokens) have slots.
  bool covers(std::uint32_t tokens) const { return pool_.blocks_for(tokens) <= size(); }
  // Blocks that have to be allocated before it covers `tokens`.
  std::uint32_t missing_for(std::uint32_t tokens) const;
  // Allocates what is missing; false, and no change, if that many blocks are not available.
  [[nodiscard]] bool grow_to_cover(std::uint32_t tokens);
  // An empty table takes the shared blocks that hold the beginning of `reusable`, and allocates the rest of what covers
  // `tokens`; false, and no change, if that is not available.
  [[nodiscard]] bool fill(std::uint32_t tokens, std::span<const TokenId> reusable, std::string_view tenant);
  // The shared blocks that fill() would take, in the order of positions.
  std::vector<BlockId> find_shared(std::span<const TokenId> reusable, std::string_view tenant) const;
  // Lets others find its full blocks, which hold `computed` from position 0 on. Where somebody else has shared the same
  // contents before, the table goes over to that block and gives its own back, if it `may_replace`: that is, if no step
  // in flight reads it. Stops at the first block that it can neither share nor replace.
  void share(std::span<const TokenId> computed, std::string_view tenant, bool may_replace);
  // Gives all blocks back.
  void release();

  std::uint32_t size() const { return static_cast<std::uint32_t>(blocks_.size()); }
  std::uint32_t num_shared() const { return num_shared_; }
  std::uint32_t shared_tokens() const { return num_shared_ * pool_.block_tokens(); }
  // The blocks of positions [0, tokens), which it must cover. Valid until the next change.
  std::span<const BlockId> prefix(std::uint32_t tokens) const;
  std::span<const BlockId> all() const { return blocks_; }

 private:
  BlockParent parent_of(std::uint32_t index, std::string_view tenant) const;

  BlockPool& pool_;
  std::vector<BlockId> blocks_;
  std::uint32_t num_shared_ = 0;
};

}  // namespace sluice
