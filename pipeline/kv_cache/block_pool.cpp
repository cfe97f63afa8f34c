#include "pipeline/kv_cache/block_pool.h"

#include "base/check.h"

namespace sluice {

BlockPool::BlockPool(std::uint32_t num_blocks, std::uint32_t block_tokens, BlockHash hash)
    : allocator_(num_blocks, block_tokens), index_(num_blocks, hash) {}

std::optional<BlockId> BlockPool::allocate() {
  if (allocator_.num_free() == 0) {
    const auto evicted = index_.evict();
    if (!evicted) return std::nullopt;
    allocator_.free(*evicted);
  }
  return allocator_.allocate();
}

void BlockPool::free(BlockId block) {
  SLUICE_CHECK_GT(num_users(block), 0u);
  allocator_.free(block);
  if (index_.contains(block) && num_users(block) == 0) index_.set_idle(block);
}

std::optional<BlockId> BlockPool::find(const BlockParent& parent, std::span<const TokenId> tokens) const {
  return index_.find(parent, tokens);
}

void BlockPool::use(BlockId block) {
  SLUICE_CHECK(index_.contains(block));
  if (num_users(block) == 0) index_.set_used(block);
  allocator_.share(block);
}

bool BlockPool::share(BlockId block, const BlockParent& parent, std::span<const TokenId> tokens) {
  SLUICE_CHECK_EQ(tokens.size(), block_tokens());
  SLUICE_CHECK_GT(num_users(block), 0u);
  if (!index_.insert(block, parent, tokens)) return false;
  allocator_.share(block);
  return true;
}

void BlockPool::drop_cached() {
  while (const auto evicted = index_.evict()) allocator_.free(*evicted);
}

std::uint32_t BlockPool::num_users(BlockId block) const {
  return allocator_.references(block) - (index_.contains(block) ? 1u : 0u);
}

void BlockPool::check_invariants() const {
  allocator_.check_invariants();
  index_.check_invariants();
  for (std::uint32_t i = 0; i < num_blocks(); ++i) {
    const BlockId block{i};
    if (!index_.contains(block)) continue;
    SLUICE_CHECK_GT(allocator_.references(block), 0u);
    SLUICE_CHECK_EQ(index_.is_idle(block), num_users(block) == 0);
  }
}

}  // namespace sluice
