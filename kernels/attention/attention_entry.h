// What a step reads and writes of paged caches, entry by entry: shared by attention/ and latent_attention/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/id.h"

namespace sluice::kernels {

// Tokens [first_position, first_position + num_tokens) of one sequence.
struct AttentionEntry {
  std::uint32_t first_position = 0;
  std::uint32_t num_tokens = 0;
  std::span<const BlockId> block_table;  // Covers the last of these positions; every id below num_blocks. Checked.
};

// Checks the entries against a cache of that many blocks of that many tokens. Returns the tokens of all entries.
inline std::size_t check_entries(std::span<const AttentionEntry> entries, std::size_t num_blocks,
                                 std::size_t block_tokens) {
  std::size_t tokens = 0;
  for (const AttentionEntry& entry : entries) {
    const std::size_t end = std::size_t{entry.first_position} + entry.num_tokens;
    if (entry.num_tokens != 0) SLUICE_CHECK_GE(entry.block_table.size() * block_tokens, end);
    for (BlockId block : entry.block_table) SLUICE_CHECK_LT(std::size_t{block.value}, num_blocks);
    tokens += entry.num_tokens;
  }
  return tokens;
}

}  // namespace sluice::kernels
