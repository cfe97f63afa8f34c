// See linear/linear.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

// A Dot says how many products a step takes, how operands are loaded and how a step adds to a vector of sums. This one
// computes in f32; DotBF16 is the path's own.
template <class Weight>
struct DotF32 {
  static constexpr std::size_t kStep = kLanes;
  static constexpr std::size_t kXBytes = 4;
  static constexpr std::size_t kWBytes = Weight::kBytes;
  using Operand = Vec;

  static Operand load_x(const void* p) { return load_f32(p); }
  static Operand load_x_partial(const void* p, std::size_t n) { return load_f32_partial(p, n); }
  static Operand load_w(const void* p) { return Weight::load(p); }
  static Operand load_w_partial(const void* p, std::size_t n) { return Weight::load_partial(p, n); }
  static Vec step(Vec sum, Operand x, Operand w) { return fma(x, w, sum); }
};

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

// y[t, n .. n + count) from their sums; the order of the additions is the same wherever an output was computed.
inline void finish(const LinearTask& task, std::size_t t, std::size_t n, std::size_t count, const float* sums) {
  float* y = task.y + t * task.y_stride + n;
  for (std::size_t j = 0; j < count; ++j) {
    float value = sums[j];
    if (task.bias != nullptr) value += bias_at(task, n + j);
    if (task.accumulate) value += y[j];
    y[j] = value;
  }
}

// Outputs [t, t + Tokens) x [n, n + Rows): a chain of steps along k for each, Tokens * Rows of them at a time.
template <class Dot, std::size_t Tokens, std::size_t Rows>
inline void linear_tile(const LinearTask& task, std::size_t t, std::size_t n) {
  const void* x[Tokens];
  const void* w[Rows];
  for (std::size_t i = 0; i < Tokens; ++i) x[i] = offset(task.x, (t + i) * task.x_stride * Dot::kXBytes);
  for (std::size_t j = 0; j < Rows; ++j) w[j] = offset(task.w, (n + j) * task.w_stride * Dot::kWBytes);

  Vec sums[Tokens][Rows];
  for (std::size_t i = 0; i < Tokens; ++i) {
    for (std::size_t j = 0; j < Rows; ++j) sums[i][j] = zero();
  }
  std::size_t k = 0;
  for (; k + Dot::kStep <= task.k; k += Dot::kStep) {
    typename Dot::Operand x_k[Tokens];
    for (std::size_t i = 0; i < Tokens; ++i) x_k[i] = Dot::load_x(offset(x[i], k * Dot::kXBytes));
    for (std::size_t j = 0; j < Rows; ++j) {
      const typename Dot::Operand w_k = Dot::load_w(offset(w[j], k * Dot::kWBytes));
      for (std::size_t i = 0; i < Tokens; ++i) sums[i][j] = Dot::step(sums[i][j], x_k[i], w_k);
    }
  }
  if (const std::size_t left = task.k - k; left != 0) {
    typename Dot::Operand x_k[Tokens];
    for (std::size_t i = 0; i < Tokens; ++i) x_k[i] = Dot::load_x_partial(offset(x[i], k * Dot::kXBytes), left);
    for (std::size_t j = 0; j < Rows; ++j) {
      const typename Dot::Operand w_k = Dot::load_w_partial(offset(w[j], k * Dot::kWBytes), left);
      for (std::size_t i = 0; i < Tokens; ++i) sums[i][j] = Dot::step(sums[i][j], x_k[i], w_k);
    }
  }

  for (std::size_t i = 0; i < Tokens; ++i) {
    if constexpr (Rows == 1) {
      const float sum = sum_lanes(sums[i][0]);
      finish(task, t + i, n, 1, &sum);
    } else {
      static_assert(Rows % 4 == 0);
      float out[Rows];
      for (std::size_t j = 0; j < Rows; j += 4) {
        sum_lanes4(sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3], out + j);
      }
      finish(task, t + i, n, Rows, out);
    }
  }
}

// Tiles of Tokens tokens from token t over all weight rows of [begin, end).
template <class Dot, std::size_t Tokens>
static void linear_strip(const LinearTask& task, std::size_t t, std::size_t begin, std::size_t end) {
  std::size_t n = begin;
  // One token alone has too few chains to hide the latency of a step: take more rows.
  if constexpr (Tokens == 1) {
    for (; n + 8 <= end; n += 8) linear_tile<Dot, Tokens, 8>(task, t, n);
  }
  for (; n + 4 <= end; n += 4) linear_tile<Dot, Tokens, 4>(task, t, n);
  for (; n < end; ++n) linear_tile<Dot, Tokens, 1>(task, t, n);
}

// The strip of the last `count` tokens, fewer than a full tile.
template <class Dot, std::size_t Tokens>
inline void linear_remainder(const LinearTask& task, std::size_t count, std::size_t begin, std::size_t end) {
  if constexpr (Tokens > 0) {
    if (count == Tokens) return linear_strip<Dot, Tokens>(task, task.tokens - count, begin, end);
    linear_remainder<Dot, Tokens - 1>(task, count, begin, end);
  }
}

template <class Dot>
static void linear(const LinearTask& task, std::size_t begin, std::size_t end) {
  std::size_t t = 0;
  for (; t + kLinearTileTokens <= task.tokens; t += kLinearTileTokens) {
    linear_strip<Dot, kLinearTileTokens>(task, t, begin, end);
  }
  linear_remainder<Dot, kLinearTileTokens - 1>(task, task.tokens - t, begin, end);
}

}  // namespace sluice::kernels::SLUICE_ISA
