// How much work one chunk of a parallel loop should hold.
#pragma once

#include <algorithm>
#include <cstddef>

namespace sluice::kernels {

// Some microseconds of work: less is not worth waking a thread for.
constexpr std::size_t kElementsPerChunk = std::size_t{1} << 14;
constexpr std::size_t kProductsPerChunk = std::size_t{1} << 17;

// Items per chunk such that a chunk has `work_per_chunk` units of work; 1 or more.
inline std::size_t grain_for(std::size_t work_per_item, std::size_t work_per_chunk) {
  return std::max<std::size_t>(1, work_per_chunk / std::max<std::size_t>(1, work_per_item));
}

}  // namespace sluice::kernels
