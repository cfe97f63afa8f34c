#include <cmath>
#include <vector>

#include "kernels/moe/experts.h"
#include "kernels/weight_element.h"

namespace sluice::kernels {
namespace {

template <class X>
double dot(const X* x, const WeightView& w, std::size_t row) {
  double sum = 0;
  for (std::size_t k = 0; k < w.columns; ++k) sum += static_cast<double>(x[k]) * weight_at(w, row, k);
  return sum;
}

void add_expert(const float* x, const ExpertWeights& expert, double weight, std::vector<double>& y) {
  std::vector<double> activated(expert.gate.rows);
  for (std::size_t i = 0; i < activated.size(); ++i) {
    const double gate = dot(x, expert.gate, i);
    activated[i] = gate / (1.0 + std::exp(-gate)) * dot(x, expert.up, i);
  }
  for (std::size_t n = 0; n < y.size(); ++n) y[n] += weight * dot(activated.data(), expert.down, n);
}

}  // namespace

void run_experts_reference(MatrixView<const float> x, std::span<const ExpertWeights> experts,
                           std::uint32_t first_expert, const ChosenExperts& chosen, MatrixView<float> y) {
  for (std::size_t t = 0; t < x.rows; ++t) {
    std::vector<double> sums(y.row(t), y.row(t) + y.columns);
    for (std::size_t e = 0; e < experts.size(); ++e) {
      for (std::size_t i = 0; i < chosen.experts.columns; ++i) {
        if (chosen.experts.row(t)[i] != first_expert + e) continue;
        add_expert(x.row(t), experts[e], chosen.weights.row(t)[i], sums);
      }
    }
    for (std::size_t n = 0; n < y.columns; ++n) y.row(t)[n] = static_cast<float>(sums[n]);
  }
}

}  // namespace sluice::kernels
