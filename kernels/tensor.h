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

// The same part of every head of a row-major [rows, num_heads * head_stride] tensor: head h of row i begins at
// data + i * row_stride + h * head_stride and has `columns` elements.
template <class T>
struct HeadsView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t num_heads = 0;
  std::size_t columns = 0;
  std::size_t row_stride = 0;
  std::size_t head_stride = 0;

  T* head(std::size_t row, std::size_t index) const { return data + row * row_stride + index * head_stride; }
  // Elements [first, first + count) of each head.
  HeadsView part(std::size_t first, std::size_t count) const {
    return {data + first, rows, num_heads, count, row_stride, head_stride};
  }
  // What may be written may be read.
  operator HeadsView<const T>() const {
    return {data, rows, num_heads, columns, row_stride, head_stride};
  }  // NOLINT(google-explicit-constructor)
};

// Whole heads; num_heads divides the columns. A matrix with one head is what all heads share.
template <class T>
HeadsView<T> heads_of(const MatrixView<T>& matrix, std::size_t num_heads) {
  const std::size_t columns = matrix.columns / num_heads;
  return {matrix.data, matrix.rows, num_heads, columns, matrix.row_stride, columns};
}

// The same rows of every head of a weight tensor [num_heads * rows of a head, columns].
struct HeadWeightsView {
  const void* data = nullptr;
  DType dtype = DType::kF32;
  std::size_t num_heads = 0;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t row_stride = 0;
  std::size_t head_stride = 0;  // Elements from a head to the next.

  WeightView head(std::size_t index) const {
    const auto* bytes = static_cast<const unsigned char*>(data) + index * head_stride * size_bytes(dtype);
    return {bytes, dtype, rows, columns, row_stride};
  }
  // Rows [first, first + count) of each head.
  HeadWeightsView part(std::size_t first, std::size_t count) const {
    const auto* bytes = static_cast<const unsigned char*>(data) + first * row_stride * size_bytes(dtype);
    return {bytes, dtype, num_heads, count, columns, row_stride, head_stride};
  }
};

// Whole heads; num_heads divides the rows.
inline HeadWeightsView heads_of(const WeightView& weight, std::size_t num_heads) {
  const std::size_t rows = weight.rows / num_heads;
  return {weight.data, weight.dtype, num_heads, rows, weight.columns, weight.stride(), rows * weight.stride()};
}

}  // namespace sluice::kernels
