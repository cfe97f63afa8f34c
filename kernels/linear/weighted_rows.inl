// The inner loop of everything that adds up weighted rows: values of attention, products with a transposed matrix.
#pragma once

#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

// y[r][c] += weights[r][j] * row_at(j)[c] for j in [begin, end), a chain along j for each, of Rows rows of y and
// Vectors vectors of columns from `column` on. One vector may be a part of `count` columns; several are whole.
template <class Element, std::size_t Rows, std::size_t Vectors, class RowAt>
inline void add_weighted_columns(float* const* y, const float* const* weights, std::size_t begin, std::size_t end,
                                 std::size_t column, std::size_t count, const RowAt& row_at) {
  const bool whole = Vectors > 1 || count == kLanes;
  Vec sums[Rows][Vectors];
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) {
      const float* from = y[r] + column + v * kLanes;
      sums[r][v] = whole ? load(from) : load_partial(from, count);
    }
  }
  for (std::size_t j = begin; j < end; ++j) {
    const void* row = offset(row_at(j), column * Element::kBytes);
    Vec values[Vectors];
    for (std::size_t v = 0; v < Vectors; ++v) {
      const void* from = offset(row, v * kLanes * Element::kBytes);
      values[v] = whole ? Element::load(from) : Element::load_partial(from, count);
    }
    for (std::size_t r = 0; r < Rows; ++r) {
      const Vec weight = broadcast(weights[r][j]);
      for (std::size_t v = 0; v < Vectors; ++v) sums[r][v] = fma(weight, values[v], sums[r][v]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) {
      float* to = y[r] + column + v * kLanes;
      if (whole) {
        store(to, sums[r][v]);
      } else {
        store_partial(to, sums[r][v], count);
      }
    }
  }
}

// The same for columns [column, end_column), Vectors vectors at a time.
template <class Element, std::size_t Rows, std::size_t Vectors, class RowAt>
inline void add_weighted_rows(float* const* y, const float* const* weights, std::size_t begin, std::size_t end,
                              std::size_t column, std::size_t end_column, const RowAt& row_at) {
  for (; column + Vectors * kLanes <= end_column; column += Vectors * kLanes) {
    add_weighted_columns<Element, Rows, Vectors>(y, weights, begin, end, column, kLanes, row_at);
  }
  for (; column < end_column; column += kLanes) {
    add_weighted_columns<Element, Rows, 1>(y, weights, begin, end, column, smaller(kLanes, end_column - column),
                                           row_at);
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
