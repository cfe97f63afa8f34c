// See linear/head_linear.h. One head; head_linear() itself is linear.inl.
#include "kernels/isa/kernel_table.h"
#include "kernels/linear/weighted_rows.inl"

namespace sluice::kernels::SLUICE_ISA {

// Tokens [t, t + Tokens), columns [begin, end).
template <class Element, std::size_t Tokens>
static void transposed_strip(const TransposedTask& task, std::size_t t, std::size_t begin, std::size_t end) {
  // One token alone has too few chains to hide the latency of a step: take more columns.
  constexpr std::size_t kVectors = Tokens == 1 ? 8 : 4;
  const float* x[Tokens];
  float* y[Tokens];
  for (std::size_t i = 0; i < Tokens; ++i) {
    x[i] = task.x + (t + i) * task.x_stride;
    y[i] = task.y + (t + i) * task.y_stride;
    for_vectors(
        end - begin, [&](std::size_t n) { store(y[i] + begin + n, zero()); },
        [&](std::size_t n, std::size_t left) { store_partial(y[i] + begin + n, zero(), left); });
  }
  add_weighted_rows<Element, Tokens, kVectors>(
      y, x, 0, task.k, begin, end, [&](std::size_t k) { return offset(task.w, k * task.w_stride * Element::kBytes); });
}

// The strip of the last `count` tokens, fewer than a full tile.
template <class Element, std::size_t Tokens>
inline void transposed_remainder(const TransposedTask& task, std::size_t count, std::size_t begin, std::size_t end) {
  if constexpr (Tokens > 0) {
    if (count == Tokens) return transposed_strip<Element, Tokens>(task, task.tokens - count, begin, end);
    transposed_remainder<Element, Tokens - 1>(task, count, begin, end);
  }
}

template <class Element>
static void transposed(const TransposedTask& task, std::size_t begin, std::size_t end) {
  std::size_t t = 0;
  for (; t + kLinearTileTokens <= task.tokens; t += kLinearTileTokens) {
    transposed_strip<Element, kLinearTileTokens>(task, t, begin, end);
  }
  transposed_remainder<Element, kLinearTileTokens - 1>(task, task.tokens - t, begin, end);
}

}  // namespace sluice::kernels::SLUICE_ISA
