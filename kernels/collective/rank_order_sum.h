// The sum that communicator.h promises, whoever holds the values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace sluice::kernels {

// sum[i] = ((v0[i] + v1[i]) + v2[i]) + ..., where values_of(rank) is a rank's span, as long as `sum`, which overlaps
// none of them.
template <class ValuesOf>
void add_in_rank_order(std::uint32_t num_ranks, const ValuesOf& values_of, std::span<float> sum) {
  const std::span<const float> first = values_of(0);
  std::copy(first.begin(), first.end(), sum.begin());
  for (std::uint32_t rank = 1; rank < num_ranks; ++rank) {
    const std::span<const float> values = values_of(rank);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
  }
}

}  // namespace sluice::kernels
