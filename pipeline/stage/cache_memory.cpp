#include "pipeline/stage/cache_memory.h"

#include "base/check.h"

namespace sluice {

Result<CacheMemory> CacheMemory::allocate(DType dtype, std::initializer_list<std::size_t> extents,
                                          std::size_t num_arrays) {
  std::size_t bytes = size_bytes(dtype);
  bool overflows = false;
  for (const std::size_t extent : extents) overflows = overflows || __builtin_mul_overflow(bytes, extent, &bytes);
  constexpr std::size_t kAlignmentBytes = AlignedBuffer<std::byte>::kAlignmentBytes;
  overflows = overflows || __builtin_add_overflow(bytes, kAlignmentBytes - 1, &bytes);
  if (overflows) {
    return Error{ErrorCode::kInvalidConfig,
                 "a KV cache of " + std::to_string(*extents.begin()) + " blocks is larger than any memory"};
  }
  CacheMemory cache;
  cache.num_arrays_ = num_arrays;
  cache.array_stride_bytes_ = bytes / kAlignmentBytes * kAlignmentBytes;
  auto memory = AlignedBuffer<std::byte>::allocate("the KV cache", cache.array_stride_bytes_, num_arrays);
  if (!memory.ok()) return memory.error();
  cache.memory_ = *std::move(memory);
  return cache;
}

std::byte* CacheMemory::array(std::size_t index) const {
  SLUICE_CHECK_LT(index, num_arrays_);
  return memory_.data() + index * array_stride_bytes_;
}

}  // namespace sluice
