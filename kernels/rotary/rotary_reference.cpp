#include "kernels/rotary/rotary.h"

namespace sluice::kernels {

void apply_rotary_reference(HeadsView<float> x, RotaryPairs pairs, MatrixView<const float> cosines,
                            MatrixView<const float> sines) {
  const std::size_t frequencies = cosines.columns;
  const bool halves = pairs == RotaryPairs::kHalves;
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t h = 0; h < x.num_heads; ++h) {
      for (std::size_t i = 0; i < frequencies; ++i) {
        float& first = x.head(t, h)[halves ? i : 2 * i];
        float& second = x.head(t, h)[halves ? i + frequencies : 2 * i + 1];
        const double a = first, b = second, c = cosines.row(t)[i], s = sines.row(t)[i];
        first = static_cast<float>(a * c - b * s);
        second = static_cast<float>(b * c + a * s);
      }
    }
  }
}

void apply_rotary_reference(MatrixView<float> x, std::size_t head_dim, MatrixView<const float> cosines,
                            MatrixView<const float> sines) {
  const HeadsView<float> heads = heads_of(x, x.columns / head_dim);
  apply_rotary_reference(heads.part(0, 2 * cosines.columns), RotaryPairs::kHalves, cosines, sines);
}

}  // namespace sluice::kernels
