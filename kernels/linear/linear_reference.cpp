#include "kernels/linear/linear.h"
#include "kernels/weight_element.h"

namespace sluice::kernels {

void linear_reference(MatrixView<const float> x, const WeightView& w, MatrixView<float> y,
                      const LinearOptions& options) {
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t n = 0; n < w.rows; ++n) {
      double sum = 0;
      for (std::size_t k = 0; k < w.columns; ++k) sum += static_cast<double>(x.row(t)[k]) * weight_at(w, n, k);
      if (!options.bias.empty()) sum += weight_at(options.bias, 0, n);
      if (options.accumulate) sum += y.row(t)[n];
      y.row(t)[n] = static_cast<float>(sum);
    }
  }
}

}  // namespace sluice::kernels
