// The KV blocks of one replica: free ones, used ones, and cached ones, whose sequences are gone and whose contents may
// serve another. A cached block is given away when no free one is left.
//
// Owns:       the allocator and the prefix index. No memory: every stage has its own blocks, same numbering.
// Confined:   to the batcher; not thread-safe.
// Units:      counts are blocks; one block holds block_tokens() token slots.
// Errors:     allocate() without free and cached blocks gives nothing.
// Invariant:  free + used + cached == num_blocks after every public call (check_invariants()). Only full blocks are
//             shared, so that a shared block is never written.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/id.h"
#include "pipeline/kv_cache/block_allocator.h"
#include "pipeline/kv_cache/prefix_index.h"

namespace sluice {

class BlockPool {
 public:
  // num_blocks >= 1, block_tokens >= 1. `hash` other than hash_block is for tests of collisions.
  BlockPool(std::uint32_t num_blocks, std::uint32_t block_tokens, BlockHash hash = hash_block);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A block with one user, whose contents are forgotten.
  std::optional<BlockId> allocate();
  // One user less; after the last one the block is cached if it is shared, else free.
  void free(BlockId block);

  // Whether the block that holds `tokens` after `parent` is there, and has users or not.
  std::optional<BlockId> find(const BlockParent& parent, std::span<const TokenId> tokens) const;
  bool is_cached(BlockId block) const { return index_.is_idle(block); }
  // One user more of a block that find() has given; its parent has the same user already.
  void use(BlockId block);
  // Lets others find a block with users that is full, computed and not shared yet, where find() gives nothing. False,
  // and no change: it stays its users' own.
  bool share(BlockId block, const BlockParent& parent, std::span<const TokenId> tokens);
  // Forgets what cached blocks hold: all of them are free. Without used blocks nothing is shared any more.
  void drop_cached();

  std::uint32_t num_blocks() const { return allocator_.num_blocks(); }
  std::uint32_t num_free() const { return allocator_.num_free(); }
  std::uint32_t num_cached() const { return index_.num_idle(); }
  std::uint32_t num_used() const { return allocator_.num_used() - num_cached(); }
  // What allocate() can give.
  std::uint32_t num_available() const { return num_free() + num_cached(); }
  std::uint32_t block_tokens() const { return allocator_.block_tokens(); }
  std::uint32_t num_users(BlockId block) const;
  bool is_shared(BlockId block) const { return index_.contains(block); }

  // Blocks that hold `tokens` slots, rounded up.
  std::uint32_t blocks_for(std::uint32_t tokens) const { return allocator_.blocks_for(tokens); }

  void check_invariants() const;

 private:
  BlockAllocator allocator_;  // A shared block has a reference of the index beside those of its users.
  PrefixIndex index_;
};

}  // namespace sluice
