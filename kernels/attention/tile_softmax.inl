// Softmax over positions that come in tiles: what one query knows of the tiles so far.
#pragma once

#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

// Part of the definition of the result, like the order of a sum: never depends on path, block size or load.
constexpr std::size_t kTilePositions = 64;

struct TileSoftmax {
  float maximum;
  Vec sums;  // Of exp(score - maximum); the lane is the position modulo kLanes.
  // Scores of the current tile, then their exponentials. Vectors may overrun the tile's end.
  float scores[kTilePositions + kLanes];

  void start() {
    maximum = -kInfinity;
    sums = zero();
  }

  // Takes `visible` scores into the maximum and the sum, leaving their exponentials in place of them. Where the maximum
  // changes, rescale(factor) is called first, for what else was gathered with the old one.
  template <class Rescale>
  void take(std::size_t visible, const Rescale& rescale) {
    const auto scores_at = [&](std::size_t i) {
      const Vec vector = load(scores + i);
      return i + kLanes <= visible ? vector : select_first(visible - i, vector, broadcast(-kInfinity));
    };
    Vec best = broadcast(maximum);
    for (std::size_t i = 0; i < visible; i += kLanes) best = max(best, scores_at(i));
    const float new_maximum = max_lanes(best);
    if (new_maximum != maximum) {
      const Vec factor = exp(broadcast(maximum - new_maximum));
      sums = mul(sums, factor);
      rescale(factor);
      maximum = new_maximum;
    }
    const Vec top = broadcast(maximum);
    for (std::size_t i = 0; i < visible; i += kLanes) {
      const Vec weights = exp(sub(scores_at(i), top));
      sums = add(sums, weights);
      store(scores + i, weights);
    }
  }
};

}  // namespace sluice::kernels::SLUICE_ISA
