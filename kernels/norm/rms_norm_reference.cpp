#include <cmath>

#include "kernels/norm/rms_norm.h"
#include "kernels/weight_element.h"

namespace sluice::kernels {

void rms_norm_reference(MatrixView<const float> x, const WeightView& weight, float epsilon, MatrixView<float> y) {
  for (std::size_t t = 0; t < x.rows; ++t) {
    double sum = 0;
    for (std::size_t i = 0; i < x.columns; ++i) sum += static_cast<double>(x.row(t)[i]) * x.row(t)[i];
    const double inverse = 1.0 / std::sqrt(sum / static_cast<double>(x.columns) + epsilon);
    for (std::size_t i = 0; i < x.columns; ++i) {
      y.row(t)[i] = static_cast<float>(x.row(t)[i] * inverse * weight_at(weight, 0, i));
    }
  }
}

}  // namespace sluice::kernels
