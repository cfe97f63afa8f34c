// See linear/linear.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/linear/product_tile.inl"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

inline float bias_at(const LinearTask& task, std::size_t n) {
  if (!task.bias_is_bf16) {
    float value;
    __builtin_memcpy(&value, offset(task.bias, 4 * n), 4);
    return value;
  }
  std::uint16_t bits;
  __builtin_memcpy(&bits, offset(task.bias, 2 * n), 2);
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16);
}

// y[t, n .. n + Rows) from their sums; the order of the additions is the same wherever an output was computed. A loop
// for each, of a length known to the compiler: where k is short this is a good part of the time.
template <std::size_t Rows>
inline void finish(const LinearTask& task, std::size_t t, std::size_t n, float (&sums)[Rows]) {
  float* y = task.y + (task.y_rows == nullptr ? t : task.y_rows[t]) * task.y_stride + n;
  if (task.bias != nullptr) {
    for (std::size_t j = 0; j < Rows; ++j) sums[j] += bias_at(task, n + j);
  }
  if (task.y_scales != nullptr) {
    const float scale = task.y_scales[t];
    for (std::size_t j = 0; j < Rows; ++j) sums[j] *= scale;
  }
  if (task.accumulate) {
    for (std::size_t j = 0; j < Rows; ++j) sums[j] += y[j];
  }
  for (std::size_t j = 0; j < Rows; ++j) y[j] = sums[j];
}

// Outputs [t, t + Tokens) x [n, n + Rows): a chain of steps along k for each, Tokens * Rows of them at a time.
template <class Weight, std::size_t Tokens, std::size_t Rows>
inline void linear_tile(const LinearTask& task, std::size_t t, std::size_t n) {
  const float* x[Tokens];
  const void* w[Rows];
  for (std::size_t i = 0; i < Tokens; ++i) {
    const std::size_t row = task.x_rows == nullptr ? t + i : task.x_rows[t + i];
    x[i] = task.x + row * task.x_stride;
  }
  for (std::size_t j = 0; j < Rows; ++j) w[j] = offset(task.w, (n + j) * task.w_stride * Weight::kBytes);
  ProductTile<Tokens, Rows> tile;
  add_products<Weight>(tile, x, w, task.k);
  for (std::size_t i = 0; i < Tokens; ++i) {
    float sums[Rows];
    sum_products(tile, i, sums);
    finish(task, t + i, n, sums);
  }
}

// Tiles of Tokens tokens from token t over all weight rows of [begin, end).
template <class Weight, std::size_t Tokens>
static void linear_strip(const LinearTask& task, std::size_t t, std::size_t begin, std::size_t end) {
  std::size_t n = begin;
  // One token alone has too few chains to hide the latency of a step: take more rows.
  if constexpr (Tokens == 1) {
    for (; n + 8 <= end; n += 8) linear_tile<Weight, Tokens, 8>(task, t, n);
  }
  for (; n + 4 <= end; n += 4) linear_tile<Weight, Tokens, 4>(task, t, n);
  for (; n < end; ++n) linear_tile<Weight, Tokens, 1>(task, t, n);
}

// The strip of the last `count` tokens, fewer than a full tile.
template <class Weight, std::size_t Tokens>
inline void linear_remainder(const LinearTask& task, std::size_t count, std::size_t begin, std::size_t end) {
  if constexpr (Tokens > 0) {
    if (count == Tokens) return linear_strip<Weight, Tokens>(task, task.tokens - count, begin, end);
    linear_remainder<Weight, Tokens - 1>(task, count, begin, end);
  }
}

template <class Weight>
static void linear(const LinearTask& task, std::size_t begin, std::size_t end) {
  std::size_t t = 0;
  for (; t + kLinearTileTokens <= task.tokens; t += kLinearTileTokens) {
    linear_strip<Weight, kLinearTileTokens>(task, t, begin, end);
  }
  linear_remainder<Weight, kLinearTileTokens - 1>(task, task.tokens - t, begin, end);
}

}  // namespace sluice::kernels::SLUICE_ISA
