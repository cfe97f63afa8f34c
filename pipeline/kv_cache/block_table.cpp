#include "pipeline/kv_cache/block_table.h"

#include <algorithm>

#include "base/check.h"

namespace sluice {

std::uint32_t BlockTable::missing_for(std::uint32_t tokens) const {
  const std::uint32_t wanted = pool_.blocks_for(tokens);
  return wanted > size() ? wanted - size() : 0;
}

bool BlockTable::grow_to_cover(std::uint32_t tokens) {
  const std::uint32_t missing = missing_for(tokens);
  if (missing > pool_.num_available()) return false;
  for (std::uint32_t i = 0; i < missing; ++i) blocks_.push_back(*pool_.allocate());
  return true;
}

bool BlockTable::fill(std::uint32_t tokens, std::span<const TokenId> reusable, std::string_view tenant) {
  SLUICE_CHECK(blocks_.empty());
  std::vector<BlockId> found = find_shared(reusable, tenant);
  const auto found_cached = std::ranges::count_if(found, [this](BlockId block) { return pool_.is_cached(block); });
  const auto wanted = std::max(pool_.blocks_for(tokens), static_cast<std::uint32_t>(found.size()));
  if (wanted - found.size() > pool_.num_available() - static_cast<std::size_t>(found_cached)) return false;
  for (const BlockId block : found) pool_.use(block);
  blocks_ = std::move(found);
  num_shared_ = size();
  return grow_to_cover(tokens);
}

std::vector<BlockId> BlockTable::find_shared(std::span<const TokenId> reusable, std::string_view tenant) const {
  const std::uint32_t block_tokens = pool_.block_tokens();
  std::vector<BlockId> found;
  for (; reusable.size() >= block_tokens; reusable = reusable.subspan(block_tokens)) {
    const BlockParent parent = found.empty() ? BlockParent{{}, tenant} : BlockParent{found.back(), {}};
    const auto block = pool_.find(parent, reusable.first(block_tokens));
    if (!block) break;
    found.push_back(*block);
  }
  return found;
}

void BlockTable::share(std::span<const TokenId> computed, std::string_view tenant, bool may_replace) {
  const std::uint32_t block_tokens = pool_.block_tokens();
  while (computed.size() / block_tokens > num_shared_) {
    const auto tokens = computed.subspan(std::size_t{num_shared_} * block_tokens, block_tokens);
    const BlockParent parent = parent_of(num_shared_, tenant);
    BlockId& own = blocks_[num_shared_];
    if (const auto same = pool_.find(parent, tokens)) {
      if (!may_replace) return;
      pool_.use(*same);
      pool_.free(own);
      own = *same;
    } else if (!pool_.share(own, parent, tokens)) {
      return;
    }
    ++num_shared_;
  }
}

void BlockTable::release() {
  // Last block first, so that the next owner gets them in the order of positions, and the end of a text is evicted
  // before its beginning.
  for (; !blocks_.empty(); blocks_.pop_back()) pool_.free(blocks_.back());
  num_shared_ = 0;
}

std::span<const BlockId> BlockTable::prefix(std::uint32_t tokens) const {
  SLUICE_CHECK(covers(tokens));
  return {blocks_.data(), pool_.blocks_for(tokens)};
}

BlockParent BlockTable::parent_of(std::uint32_t index, std::string_view tenant) const {
  return index == 0 ? BlockParent{{}, tenant} : BlockParent{blocks_[index - 1], {}};
}

}  // namespace sluice
