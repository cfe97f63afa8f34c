// What a stage keeps of the tokens in all its blocks, for all its layers, allocated once: some arrays of one size. What
// lies in them is the attention part's (kernels/attention/kv_cache_layout.h, ...).
//
// Owns: the memory. Which block belongs to which sequence is the batcher's (pipeline/kv_cache).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "base/dtype.h"
#include "base/error.h"
#include "pipeline/stage/aligned_buffer.h"

namespace sluice {

class CacheMemory {
 public:
  CacheMemory() = default;

  // `extents` are those of one array, the number of blocks first.
  // Errors: kInvalidConfig where the memory is not to be had.
  static Result<CacheMemory> allocate(DType dtype, std::initializer_list<std::size_t> extents, std::size_t num_arrays);

  // Aligned as AlignedBuffer is.
  std::byte* array(std::size_t index) const;
  std::uint64_t bytes() const { return std::uint64_t{array_stride_bytes_} * num_arrays_; }

 private:
  std::size_t num_arrays_ = 0;
  std::size_t array_stride_bytes_ = 0;  // The size of one, rounded up to the alignment.
  AlignedBuffer<std::byte> memory_;
};

}  // namespace sluice
