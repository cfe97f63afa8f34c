// Where the compressed keys and values of one layer lie in its cache: one array of blocks, each block holding
// block_tokens slots, each slot one row that all heads share.
//
//   rows  [num_blocks, block_tokens, latent_dim + rope_dim]   the latent vector, then the rotated key
//
// Position p of a sequence lies in slot p % block_tokens of block block_table[p / block_tokens]. The array is 64-byte
// aligned where speed matters, and need not be initialised: slots that no position was stored to are never part of a
// result.
#pragma once

#include <cstddef>

namespace sluice::kernels {

struct LatentCacheLayout {
  std::size_t num_blocks = 0;
  std::size_t block_tokens = 0;
  std::size_t latent_dim = 0;  // kv_lora_rank, 1 or more.
  std::size_t rope_dim = 0;    // qk_rope_head_dim.

  std::size_t row_elements() const { return latent_dim + rope_dim; }
  std::size_t block_elements() const { return block_tokens * row_elements(); }
  // Size of `rows`.
  std::size_t array_bytes() const { return num_blocks * block_elements() * sizeof(float); }
};

// The cache of one layer. The array belongs to somebody else, and holds array_bytes().
struct LatentCacheView {
  LatentCacheLayout layout;
  float* rows = nullptr;
};

}  // namespace sluice::kernels
