#include "kernels/rotary/rotary.h"

namespace sluice::kernels {

void apply_rotary_reference(MatrixView<float> x, std::size_t head_dim, MatrixView<const float> cosines,
                            MatrixView<const float> sines) {
  const std::size_t frequencies = cosines.columns;
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t first = 0; first < x.columns; first += head_dim) {
      for (std::size_t i = 0; i < frequencies; ++i) {
        float& lower = x.row(t)[first + i];
        float& upper = x.row(t)[first + i + frequencies];
        const double a = lower, b = upper, c = cosines.row(t)[i], s = sines.row(t)[i];
        lower = static_cast<float>(a * c - b * s);
        upper = static_cast<float>(b * c + a * s);
      }
    }
  }
}

}  // namespace sluice::kernels
