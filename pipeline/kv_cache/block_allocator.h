// Hands out the KV-cache blocks of one replica to its sequences.
//
// Owns:       the free list and the reference counts, not the memory: every stage has its own blocks, same numbering.
// Confined:   to the batcher; not thread-safe.
// Units:      counts are blocks; one block holds `block_tokens` token slots.
// Errors:     allocate() of an empty free list gives nothing. Freeing or sharing a free block is a bug: CHECK.
// Invariant:  free + used == num_blocks after every public call, and a block is free iff its count is 0
//             (check_invariants()).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/id.h"

namespace sluice {

class BlockAllocator {
 public:
  // num_blocks >= 1, block_tokens >= 1.
  BlockAllocator(std::uint32_t num_blocks, std::uint32_t block_tokens);
  BlockAllocator(const BlockAllocator&) = delete;
  BlockAllocator& operator=(const BlockAllocator&) = delete;

  // A block with one reference; nothing, and no change, if none is free. Deterministic: the last freed comes first.
  std::optional<BlockId> allocate();
  // One more reference to a used block.
  void share(BlockId block);
  // One reference less; the last one makes the block free.
  void free(BlockId block);

  std::uint32_t num_blocks() const { return static_cast<std::uint32_t>(references_.size()); }
  std::uint32_t num_free() const { return static_cast<std::uint32_t>(free_.size()); }
  std::uint32_t num_used() const { return num_blocks() - num_free(); }
  std::uint32_t block_tokens() const { return block_tokens_; }
  std::uint32_t references(BlockId block) const;

  // Blocks that hold `tokens` slots, rounded up.
  std::uint32_t blocks_for(std::uint32_t tokens) const;

  void check_invariants() const;

 private:
  std::uint32_t block_tokens_;
  std::vector<std::uint32_t> references_;  // By block; 0 is free.
  std::vector<BlockId> free_;              // A stack.
};

}  // namespace sluice
