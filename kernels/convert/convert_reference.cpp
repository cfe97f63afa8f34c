#include "kernels/convert/convert.h"

namespace sluice::kernels {

void convert_to_bf16_reference(MatrixView<const float> x, MatrixView<BF16> y) {
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t i = 0; i < x.columns; ++i) y.row(t)[i] = to_bf16(x.row(t)[i]);
  }
}

}  // namespace sluice::kernels
