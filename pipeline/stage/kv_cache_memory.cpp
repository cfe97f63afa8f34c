#include "pipeline/stage/kv_cache_memory.h"

#include "base/check.h"

namespace sluice {

Result<KvCacheMemory> KvCacheMemory::allocate(const kernels::KvCacheLayout& layout, std::uint32_t num_layers) {
  std::size_t bytes = size_bytes(layout.dtype);
  bool overflows = false;
  for (const std::size_t factor : {layout.num_blocks, layout.num_kv_heads, layout.block_tokens, layout.head_dim}) {
    overflows = overflows || __builtin_mul_overflow(bytes, factor, &bytes);
  }
  constexpr std::size_t kAlignmentBytes = AlignedBuffer<std::byte>::kAlignmentBytes;
  overflows = overflows || __builtin_add_overflow(bytes, kAlignmentBytes - 1, &bytes);
  if (overflows) {
    return Error{ErrorCode::kInvalidConfig,
                 "a KV cache of " + std::to_string(layout.num_blocks) + " blocks is larger than any memory"};
  }
  KvCacheMemory cache;
  cache.layout_ = layout;
  cache.num_layers_ = num_layers;
  cache.array_stride_bytes_ = bytes / kAlignmentBytes * kAlignmentBytes;
  auto memory = AlignedBuffer<std::byte>::allocate("the KV cache", cache.array_stride_bytes_, 2u * num_layers);
  if (!memory.ok()) return memory.error();
  cache.memory_ = *std::move(memory);
  return cache;
}

kernels::KvCacheView KvCacheMemory::layer(std::uint32_t index) const {
  SLUICE_CHECK_LT(index, num_layers_);
  std::byte* const keys = memory_.data() + 2 * std::size_t{index} * array_stride_bytes_;
  return {layout_, keys, keys + array_stride_bytes_};
}

}  // namespace sluice
