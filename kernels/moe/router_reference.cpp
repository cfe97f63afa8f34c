#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/moe/router.h"
#include "kernels/weight_element.h"

namespace sluice::kernels {
namespace {

std::vector<double> scores_of(const float* logits, std::size_t count, ExpertScoring scoring) {
  std::vector<double> scores(logits, logits + count);
  if (scoring == ExpertScoring::kSigmoid) {
    for (double& score : scores) score = 1.0 / (1.0 + std::exp(-score));
    return scores;
  }
  const double maximum = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - maximum);
  for (double& score : scores) score /= sum;
  return scores;
}

// Indices of the `count` largest, best first, of equals the first; NaN counts as less than any number.
std::vector<std::size_t> largest(const std::vector<double>& values, std::size_t count) {
  std::vector<std::size_t> indices(values.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  const auto key = [&](std::size_t i) { return std::isnan(values[i]) ? -INFINITY : values[i]; };
  std::stable_sort(indices.begin(), indices.end(), [&](std::size_t a, std::size_t b) { return key(a) > key(b); });
  indices.resize(count);
  return indices;
}

// Experts of the best groups, in ascending order.
std::vector<std::size_t> eligible_experts(const std::vector<double>& ranks, const RouterOptions& options) {
  const std::size_t size = ranks.size() / options.num_groups;
  std::vector<double> groups(options.num_groups);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::vector<double> members(ranks.begin() + static_cast<std::ptrdiff_t>(g * size),
                                      ranks.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
    const std::size_t counted = options.ranking == ExpertRanking::kBiasCorrected ? std::min<std::size_t>(2, size) : 1;
    for (std::size_t i : largest(members, counted)) groups[g] += members[i];
  }
  std::vector<std::size_t> experts;
  std::vector<std::size_t> best = largest(groups, options.topk_groups);
  std::sort(best.begin(), best.end());
  for (std::size_t g : best) {
    for (std::size_t i = 0; i < size; ++i) experts.push_back(g * size + i);
  }
  return experts;
}

}  // namespace

void route_tokens_reference(MatrixView<const float> logits, const RouterOptions& options,
                            MatrixView<std::uint32_t> experts, MatrixView<float> weights) {
  for (std::size_t t = 0; t < logits.rows; ++t) {
    const std::vector<double> scores = scores_of(logits.row(t), logits.columns, options.scoring);
    std::vector<double> ranks = scores;
    if (options.ranking == ExpertRanking::kBiasCorrected) {
      for (std::size_t e = 0; e < ranks.size(); ++e) ranks[e] += weight_at(options.correction_bias, 0, e);
    }
    const std::vector<std::size_t> eligible = eligible_experts(ranks, options);
    std::vector<double> eligible_ranks;
    for (std::size_t e : eligible) eligible_ranks.push_back(ranks[e]);
    double sum = options.normalize ? 1e-20 : 1.0;
    const std::vector<std::size_t> chosen = largest(eligible_ranks, options.top_k);
    for (std::size_t i = 0; i < options.top_k; ++i) {
      experts.row(t)[i] = static_cast<std::uint32_t>(eligible[chosen[i]]);
      if (options.normalize) sum += scores[experts.row(t)[i]];
    }
    for (std::size_t i = 0; i < options.top_k; ++i) {
      weights.row(t)[i] = static_cast<float>(scores[experts.row(t)[i]] / sum * options.scale);
    }
  }
}

}  // namespace sluice::kernels
