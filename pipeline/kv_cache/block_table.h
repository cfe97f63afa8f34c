// The blocks of one sequence: position p lies in slot p % block_tokens of block p / block_tokens of the table.
//
// Owns:       one reference to each of its blocks; the destructor gives them back.
// Confined:   to the batcher; not thread-safe. The allocator must outlive the table.
// Invariant:  every block is used in the allocator; no block occurs twice.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/id.h"
#include "pipeline/kv_cache/block_allocator.h"

namespace sluice {

class BlockTable {
 public:
  explicit BlockTable(BlockAllocator& allocator) : allocator_(allocator) {}
  BlockTable(const BlockTable&) = delete;
  BlockTable& operator=(const BlockTable&) = delete;
  ~BlockTable() { release(); }

  // Whether positions [0, tokens) have slots.
  bool covers(std::uint32_t tokens) const { return allocator_.blocks_for(tokens) <= size(); }
  // Blocks that have to be allocated before it covers `tokens`.
  std::uint32_t missing_for(std::uint32_t tokens) const;
  // Allocates what is missing; false, and no change, if that many blocks are not free.
  [[nodiscard]] bool grow_to_cover(std::uint32_t tokens);
  // Gives all blocks back.
  void release();

  std::uint32_t size() const { return static_cast<std::uint32_t>(blocks_.size()); }
  // The blocks of positions [0, tokens), which it must cover. Valid until the next change.
  std::span<const BlockId> prefix(std::uint32_t tokens) const;

 private:
  BlockAllocator& allocator_;
  std::vector<BlockId> blocks_;
};

}  // namespace sluice
