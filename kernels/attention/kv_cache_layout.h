// Where the keys and values of one layer lie in its cache: two arrays of blocks, each block holding block_tokens slots
// of every KV head.
//
//   keys    [num_blocks, num_kv_heads, head_dim, block_tokens]   slots innermost: one vector of keys, one per slot,
//   times
//                                                                one element of a query needs no horizontal sum
//   values  [num_blocks, num_kv_heads, block_tokens, head_dim]
//
// Position p of a sequence lies in slot p % block_tokens of block block_table[p / block_tokens].
// block_tokens may be anything from 1; multiples of 16 are fast on every path. Each array is 64-byte aligned where
// speed matters, and need not be initialised: slots that no position was stored to are never part of a result.
#pragma once

#include <cstddef>

#include "base/dtype.h"

namespace sluice::kernels {

struct KvCacheLayout {
  DType dtype = DType::kF32;  // f32 or f16.
  std::size_t num_blocks = 0;
  std::size_t num_kv_heads = 0;
  std::size_t block_tokens = 0;
  std::size_t head_dim = 0;  // 1 to kMaxHeadDim.

  static constexpr std::size_t kMaxHeadDim = 512;

  // Of the keys, or of the values, of one head in one block.
  std::size_t head_elements() const { return block_tokens * head_dim; }
  // Of the keys, or of the values, of one block.
  std::size_t block_elements() const { return num_kv_heads * head_elements(); }
  // Size of `keys` and, again, of `values`.
  std::size_t array_bytes() const { return num_blocks * block_elements() * size_bytes(dtype); }
};

// The cache of one layer. Both arrays belong to somebody else, and hold array_bytes() each.
struct KvCacheView {
  KvCacheLayout layout;
  void* keys = nullptr;
  void* values = nullptr;
};

}  // namespace sluice::kernels
