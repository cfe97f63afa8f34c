// Block tables for tests of attention.
#pragma once

#include <utility>
#include <vector>

#include "base/id.h"
#include "base/random.h"

namespace sluice::kernels::test {

// `count` distinct blocks of `num_blocks` in random order.
inline std::vector<BlockId> random_blocks(SplitMix64& random, std::size_t count, std::size_t num_blocks) {
  std::vector<BlockId> blocks(num_blocks);
  for (std::size_t i = 0; i < num_blocks; ++i) blocks[i] = {static_cast<std::uint32_t>(i)};
  for (std::size_t i = num_blocks; i > 1; --i) std::swap(blocks[i - 1], blocks[random.below(i)]);
  blocks.resize(count);
  return blocks;
}

inline std::size_t blocks_for(std::size_t tokens, std::size_t block_tokens) {
  return (tokens + block_tokens - 1) / block_tokens;
}

}  // namespace sluice::kernels::test
