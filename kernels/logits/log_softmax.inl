// See logits/log_softmax.h.
#pragma once

#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

static float maximum(const float* row, std::size_t count) {
  Vec best = broadcast(-kInfinity);
  // max() prefers its second argument to NaN.
  for_vectors(
      count, [&](std::size_t i) { best = max(load(row + i), best); },
      [&](std::size_t i, std::size_t n) {
        best = max(select_first(n, load_partial(row + i, n), broadcast(-kInfinity)), best);
      });
  return max_lanes(best);
}

static std::size_t index_of(const float* row, std::size_t count, float value) {
  const Vec wanted = broadcast(value);
  std::size_t i = 0;
  while (i + kLanes <= count && !any_equal(load(row + i), wanted)) i += kLanes;
  for (; i < count; ++i) {
    if (row[i] == value) return i;
  }
  return count;
}

static double sum_of_exp(const float* row, std::size_t count, float maximum_of_row) {
  // A chain in f32 over the whole of a large vocabulary would lose digits.
  constexpr std::size_t kPiece = 4096;
  const Vec top = broadcast(maximum_of_row);
  double total = 0;
  for (std::size_t begin = 0; begin < count; begin += kPiece) {
    const float* piece = row + begin;
    Vec sums = zero();
    for_vectors(
        smaller(kPiece, count - begin), [&](std::size_t i) { sums = add(sums, exp(sub(load(piece + i), top))); },
        [&](std::size_t i, std::size_t n) {
          const Vec values = exp(sub(load_partial(piece + i, n), top));
          sums = add(sums, select_first(n, values, zero()));
        });
    total += static_cast<double>(sum_lanes(sums));
  }
  return total;
}

}  // namespace sluice::kernels::SLUICE_ISA
