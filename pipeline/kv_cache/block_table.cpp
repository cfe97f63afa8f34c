#include "pipeline/kv_cache/block_table.h"

#include "base/check.h"

namespace sluice {

std::uint32_t BlockTable::missing_for(std::uint32_t tokens) const {
  const std::uint32_t wanted = allocator_.blocks_for(tokens);
  return wanted > size() ? wanted - size() : 0;
}

bool BlockTable::grow_to_cover(std::uint32_t tokens) {
  const std::uint32_t missing = missing_for(tokens);
  if (missing > allocator_.num_free()) return false;
  for (std::uint32_t i = 0; i < missing; ++i) blocks_.push_back(*allocator_.allocate());
  return true;
}

void BlockTable::release() {
  // Last block first, so that the next owner gets them in the order of positions.
  for (; !blocks_.empty(); blocks_.pop_back()) allocator_.free(blocks_.back());
}

std::span<const BlockId> BlockTable::prefix(std::uint32_t tokens) const {
  SLUICE_CHECK(covers(tokens));
  return {blocks_.data(), allocator_.blocks_for(tokens)};
}

}  // namespace sluice
