#include "kernels/linear/head_linear.h"
#include "kernels/weight_element.h"

namespace sluice::kernels {
namespace {

// at(w, n, k) is the weight from input k to output n.
template <class At>
void run_reference(HeadsView<const float> x, const HeadWeightsView& w, HeadsView<float> y, const At& at) {
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t h = 0; h < x.num_heads; ++h) {
      for (std::size_t n = 0; n < y.columns; ++n) {
        double sum = 0;
        for (std::size_t k = 0; k < x.columns; ++k) sum += static_cast<double>(x.head(t, h)[k]) * at(w.head(h), n, k);
        y.head(t, h)[n] = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace

void head_linear_reference(HeadsView<const float> x, const HeadWeightsView& w, HeadsView<float> y) {
  run_reference(x, w, y, [](const WeightView& head, std::size_t n, std::size_t k) { return weight_at(head, n, k); });
}

void head_linear_transposed_reference(HeadsView<const float> x, const HeadWeightsView& w, HeadsView<float> y) {
  run_reference(x, w, y, [](const WeightView& head, std::size_t n, std::size_t k) { return weight_at(head, k, n); });
}

}  // namespace sluice::kernels
