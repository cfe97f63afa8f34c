// Keys and values of a stage's layers for all its blocks, allocated once.
//
// Owns:   the memory. Which block belongs to which sequence is the batcher's (pipeline/kv_cache).
// Layout: one layer after another, each as kernels/attention/kv_cache_layout.h has it.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "kernels/attention/kv_cache_layout.h"
#include "pipeline/stage/aligned_buffer.h"

namespace sluice {

class KvCacheMemory {
 public:
  KvCacheMemory() = default;

  // Errors: kInvalidConfig where the memory is not to be had.
  static Result<KvCacheMemory> allocate(const kernels::KvCacheLayout& layout, std::uint32_t num_layers);

  // Of the stage's layer `index`.
  kernels::KvCacheView layer(std::uint32_t index) const;
  std::uint64_t bytes() const { return std::uint64_t{2} * array_stride_bytes_ * num_layers_; }

 private:
  kernels::KvCacheLayout layout_;
  std::uint32_t num_layers_ = 0;
  std::size_t array_stride_bytes_ = 0;  // Of keys or values of one layer, rounded up to the alignment.
  AlignedBuffer<std::byte> memory_;
};

}  // namespace sluice
