// Shards of weights against the whole.
#pragma once

#include <cstddef>

#include "kernels/tensor.h"
#include "kernels/weight_element.h"

namespace sluice::test {

// Whether `part` is the piece of `whole` that begins at [row, column], and has elements.
inline bool is_piece(const kernels::WeightView& part, const kernels::WeightView& whole, std::size_t row,
                     std::size_t column) {
  if (part.rows == 0 || part.columns == 0) return false;
  if (row + part.rows > whole.rows || column + part.columns > whole.columns) return false;
  for (std::size_t i = 0; i < part.rows; ++i) {
    for (std::size_t j = 0; j < part.columns; ++j) {
      if (kernels::weight_at(part, i, j) != kernels::weight_at(whole, row + i, column + j)) return false;
    }
  }
  return true;
}

}  // namespace sluice::test
