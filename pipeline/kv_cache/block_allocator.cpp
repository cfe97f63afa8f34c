#include "pipeline/kv_cache/block_allocator.h"

#include "base/check.h"

namespace sluice {

BlockAllocator::BlockAllocator(std::uint32_t num_blocks, std::uint32_t block_tokens)
    : block_tokens_(block_tokens), references_(num_blocks, 0) {
  SLUICE_CHECK_GE(num_blocks, 1u);
  SLUICE_CHECK_GE(block_tokens, 1u);
  free_.reserve(num_blocks);
  for (std::uint32_t i = num_blocks; i > 0; --i) free_.push_back(BlockId{i - 1});
}

std::optional<BlockId> BlockAllocator::allocate() {
  if (free_.empty()) return std::nullopt;
  const BlockId block = free_.back();
  free_.pop_back();
  SLUICE_CHECK_EQ(references_[block.value], 0u);
  references_[block.value] = 1;
  return block;
}

void BlockAllocator::share(BlockId block) {
  SLUICE_CHECK_GT(references(block), 0u);
  ++references_[block.value];
}

void BlockAllocator::free(BlockId block) {
  SLUICE_CHECK_GT(references(block), 0u);
  if (--references_[block.value] == 0) free_.push_back(block);
}

std::uint32_t BlockAllocator::references(BlockId block) const {
  SLUICE_CHECK_LT(block.value, num_blocks());
  return references_[block.value];
}

std::uint32_t BlockAllocator::blocks_for(std::uint32_t tokens) const {
  return tokens / block_tokens_ + (tokens % block_tokens_ != 0 ? 1 : 0);
}

void BlockAllocator::check_invariants() const {
  std::vector<bool> is_free(references_.size(), false);
  for (const BlockId block : free_) {
    SLUICE_CHECK_LT(block.value, num_blocks());
    SLUICE_CHECK(!is_free[block.value]);
    is_free[block.value] = true;
  }
  for (std::size_t i = 0; i < references_.size(); ++i) SLUICE_CHECK_EQ(references_[i] == 0, is_free[i]);
}

}  // namespace sluice
