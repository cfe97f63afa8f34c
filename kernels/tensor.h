// Views of tensors in somebody else's memory: a pointer, a shape, no ownership.
//
// Units: shapes and strides count elements. Lifetime: the memory outlives the call that a view is passed to.
#pragma once

#include <cstddef>

#include "base/dtype.h"

namespace sluice::kernels {

// Row-major [rows, columns]; row i begins at data + i * row_stride. Aligned as T is.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t row_stride = 0;

  MatrixView() = default;
  MatrixView(T* first, std::size_t num_rows, std::size_t num_columns)
      : MatrixView(first, num_rows, num_columns, num_columns) {}
  MatrixView(T* first, std::size_t num_rows, std::size_t num_columns, std::size_t stride)
      : data(first), rows(num_rows), columns(num_columns), row_stride(stride) {}

  T* row(std::size_t index) const { return data + index * row_stride; }
  // What may be written may be read.
  operator MatrixView<const T>() const {
    return {data, rows, columns, row_stride};
  }  // NOLINT(google-explicit-constructor)
};

// Weights as they lie in a mapped file: row-major [rows, columns], f32 or bf16, aligned to nothing; a shard of a matrix
// may be some of its columns. A vector (norm weights, a bias) has one row.
struct WeightView {
  const void* data = nullptr;
  DType dtype = DType::kF32;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t row_stride = 0;  // Elements from a row to the next; 0: columns.

  std::size_t stride() const { return row_stride == 0 ? columns : row_stride; }
  bool empty() const { return data == nullptr; }
};

}  // namespace sluice::kernels
