#include <cmath>

#include "kernels/activation/swiglu.h"

namespace sluice::kernels {

void swiglu_reference(MatrixView<const float> gate, MatrixView<const float> up, MatrixView<float> y) {
  for (std::size_t t = 0; t < gate.rows; ++t) {
    for (std::size_t i = 0; i < gate.columns; ++i) {
      const double v = gate.row(t)[i];
      y.row(t)[i] = static_cast<float>(v / (1.0 + std::exp(-v)) * up.row(t)[i]);
    }
  }
}

}  // namespace sluice::kernels
