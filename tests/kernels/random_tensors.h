// What the kernel tests share: seeded random tensors, weights that are aligned to nothing, and every way to run a
// kernel.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels::test {

// Every path of this machine on 1, 2 and 3 threads.
inline const std::vector<CpuContext>& contexts() {
  static const std::vector<std::unique_ptr<ThreadPool>> pools = [] {
    std::vector<std::unique_ptr<ThreadPool>> made;
    for (std::size_t threads = 1; threads <= 3; ++threads) {
      made.push_back(std::move(ThreadPool::create({.threads = threads})).value());
    }
    return made;
  }();
  static const std::vector<CpuContext> all = [] {
    std::vector<CpuContext> made;
    for (IsaPath path : available_isa_paths()) {
      for (const auto& pool : pools) made.push_back({.path = path, .pool = pool.get()});
    }
    return made;
  }();
  return all;
}

// On one thread each: where threads are not what is tested.
inline std::vector<CpuContext> serial_contexts() {
  std::vector<CpuContext> made;
  for (IsaPath path : available_isa_paths()) made.push_back({.path = path, .pool = nullptr});
  return made;
}

// Sum of four uniform draws: bell-shaped, standard deviation about 0.6 times `spread`.
inline float random_value(SplitMix64& random, float spread = 1.0f) {
  const double sum = random.unit() + random.unit() + random.unit() + random.unit();
  return static_cast<float>((sum - 2.0) * static_cast<double>(spread));
}

inline std::vector<float> random_values(SplitMix64& random, std::size_t count, float spread = 1.0f) {
  std::vector<float> values(count);
  for (float& value : values) value = random_value(random, spread);
  return values;
}

// A matrix with memory of its own, whose rows lie `gap` elements further apart than they are long.
template <class T>
struct Matrix {
  std::vector<T> storage;
  MatrixView<T> view;

  Matrix(std::size_t rows, std::size_t columns, std::size_t gap = 0)
      : storage(rows * (columns + gap)), view(storage.data(), rows, columns, columns + gap) {}
  Matrix(const Matrix& other) : storage(other.storage), view(other.view) { view.data = storage.data(); }
  Matrix(Matrix&& other) noexcept : storage(std::move(other.storage)), view(other.view) {}
  Matrix& operator=(const Matrix&) = delete;
  Matrix& operator=(Matrix&&) = delete;

  operator MatrixView<const T>() const { return view; }
  operator MatrixView<T>() const { return view; }
  void assign(const std::vector<T>& values) { std::copy(values.begin(), values.end(), storage.begin()); }
  // Rows [first, first + count).
  MatrixView<T> rows(std::size_t first, std::size_t count) const {
    return {view.row(first), count, view.columns, view.row_stride};
  }
  friend bool operator==(const Matrix& a, const Matrix& b) {
    return a.storage.size() == b.storage.size() &&
           (a.storage.empty() || std::memcmp(a.storage.data(), b.storage.data(), a.storage.size() * sizeof(T)) == 0);
  }
};

inline Matrix<float> random_matrix(SplitMix64& random, std::size_t rows, std::size_t columns, std::size_t gap = 0,
                                   float spread = 1.0f) {
  Matrix<float> matrix(rows, columns, gap);
  for (float& value : matrix.storage) value = random_value(random, spread);
  return matrix;
}

// Weights as in a mapped file: at an address that is aligned to 2 bytes and no more.
struct Weights {
  std::vector<std::byte> storage;
  WeightView view;

  Weights(SplitMix64& random, DType dtype, std::size_t rows, std::size_t columns, float spread = 1.0f)
      : storage(rows * columns * size_bytes(dtype) + 4) {
    std::byte* first = storage.data() + 2;
    for (std::size_t i = 0; i < rows * columns; ++i) {
      const float value = random_value(random, spread);
      const BF16 narrow = to_bf16(value);
      std::memcpy(first + i * size_bytes(dtype),
                  dtype == DType::kF32 ? static_cast<const void*>(&value) : static_cast<const void*>(&narrow),
                  size_bytes(dtype));
    }
    view = {first, dtype, rows, columns};
  }
};

// Largest |a - b| / (absolute + relative * |b|); at most 1 is within tolerance. Infinite where one alone is NaN.
inline double worst_ratio(MatrixView<const float> a, MatrixView<const float> b, double absolute, double relative) {
  double worst = 0;
  for (std::size_t t = 0; t < a.rows; ++t) {
    for (std::size_t i = 0; i < a.columns; ++i) {
      const double x = a.row(t)[i], y = b.row(t)[i];
      if (std::isnan(x) && std::isnan(y)) continue;
      if (x == y) continue;
      const double ratio = std::fabs(x - y) / (absolute + relative * std::fabs(y));
      worst = std::isnan(ratio) ? INFINITY : std::fmax(worst, ratio);
    }
  }
  return worst;
}

// A name for INFO().
inline std::string name_of(const CpuContext& context) {
  const std::size_t threads = context.pool == nullptr ? 1 : context.pool->threads();
  return std::string(to_string(context.path)) + " on " + std::to_string(threads) + " threads";
}

}  // namespace sluice::kernels::test
