// The inner loop of everything that sums products along contiguous rows: linear layers, attention scores.
#pragma once

#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

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

// Goes on with the chains: a step for every kLanes of k elements, the last of them perhaps in part.
template <class Weight, std::size_t Tokens, std::size_t Rows>
inline void add_products(ProductTile<Tokens, Rows>& tile, const float* const* x, const void* const* w, std::size_t k) {
  std::size_t done = 0;
  for (; done + kLanes <= k; done += kLanes) {
    Vec x_k[Tokens];
    for (std::size_t i = 0; i < Tokens; ++i) x_k[i] = load(x[i] + done);
    for (std::size_t j = 0; j < Rows; ++j) {
      const Vec w_k = Weight::load(offset(w[j], done * Weight::kBytes));
      for (std::size_t i = 0; i < Tokens; ++i) tile.sums[i][j] = fma(x_k[i], w_k, tile.sums[i][j]);
    }
  }
  if (const std::size_t left = k - done; left != 0) {
    Vec x_k[Tokens];
    for (std::size_t i = 0; i < Tokens; ++i) x_k[i] = load_partial(x[i] + done, left);
    for (std::size_t j = 0; j < Rows; ++j) {
      const Vec w_k = Weight::load_partial(offset(w[j], done * Weight::kBytes), left);
      for (std::size_t i = 0; i < Tokens; ++i) tile.sums[i][j] = fma(x_k[i], w_k, tile.sums[i][j]);
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
