// The inner loop of everything that sums products along contiguous rows: linear layers, attention scores.
#pragma once

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

// Tokens * Rows chains, one for each pair of a row of x and a row of w.
template <std::size_t Tokens, std::size_t Rows>
struct ProductTile {
  Vec sums[Tokens][Rows];

  ProductTile() {
    for (std::size_t i = 0; i < Tokens; ++i) {
      for (std::size_t j = 0; j < Rows; ++j) sums[i][j] = zero();
    }
  }
};

// Goes on with the chains: a step for every kStep of k elements, the last of them perhaps in part.
template <class Dot, std::size_t Tokens, std::size_t Rows>
inline void add_products(ProductTile<Tokens, Rows>& tile, const void* const* x, const void* const* w, std::size_t k) {
  std::size_t done = 0;
  for (; done + Dot::kStep <= k; done += Dot::kStep) {
    typename Dot::Operand x_k[Tokens];
    for (std::size_t i = 0; i < Tokens; ++i) x_k[i] = Dot::load_x(offset(x[i], done * Dot::kXBytes));
    for (std::size_t j = 0; j < Rows; ++j) {
      const typename Dot::Operand w_k = Dot::load_w(offset(w[j], done * Dot::kWBytes));
      for (std::size_t i = 0; i < Tokens; ++i) tile.sums[i][j] = Dot::step(tile.sums[i][j], x_k[i], w_k);
    }
  }
  if (const std::size_t left = k - done; left != 0) {
    typename Dot::Operand x_k[Tokens];
    for (std::size_t i = 0; i < Tokens; ++i) x_k[i] = Dot::load_x_partial(offset(x[i], done * Dot::kXBytes), left);
    for (std::size_t j = 0; j < Rows; ++j) {
      const typename Dot::Operand w_k = Dot::load_w_partial(offset(w[j], done * Dot::kWBytes), left);
      for (std::size_t i = 0; i < Tokens; ++i) tile.sums[i][j] = Dot::step(tile.sums[i][j], x_k[i], w_k);
    }
  }
}

// The sums of one row of x: the same tree of lanes whatever Rows is.
template <std::size_t Tokens, std::size_t Rows>
inline void sum_products(const ProductTile<Tokens, Rows>& tile, std::size_t token, float* out) {
  const Vec* sums = tile.sums[token];
  if constexpr (Rows == 1) {
    out[0] = sum_lanes(sums[0]);
  } else {
    static_assert(Rows % 4 == 0);
    for (std::size_t j = 0; j < Rows; j += 4) sum_lanes4(sums[j], sums[j + 1], sums[j + 2], sums[j + 3], out + j);
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
