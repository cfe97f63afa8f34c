#include "kernels/logits/log_softmax.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {
namespace {

TokenId first_with(const KernelTable& kernels, std::span<const float> row, float maximum) {
  const std::size_t index = kernels.index_of(row.data(), row.size(), maximum);
  return index < row.size() ? static_cast<TokenId>(index) : 0;  // Nothing but NaN.
}

}  // namespace

TokenId argmax(IsaPath path, std::span<const float> row) {
  SLUICE_CHECK(!row.empty());
  const KernelTable& kernels = kernel_table(path);
  return first_with(kernels, row, kernels.maximum(row.data(), row.size()));
}

LogitStatistics logit_statistics(IsaPath path, std::span<const float> row) {
  SLUICE_CHECK(!row.empty());
  const KernelTable& kernels = kernel_table(path);
  LogitStatistics statistics;
  statistics.maximum = kernels.maximum(row.data(), row.size());
  statistics.argmax = first_with(kernels, row, statistics.maximum);
  statistics.log_sum = static_cast<float>(std::log(kernels.sum_of_exp(row.data(), row.size(), statistics.maximum)));
  return statistics;
}

std::size_t top_log_probabilities(std::span<const float> row, const LogitStatistics& statistics,
                                  std::span<TokenLogProbability> best) {
  const std::size_t wanted = std::min(best.size(), row.size());
  if (wanted == 0) return 0;
  best = best.first(wanted);
  // While collecting, log_probability holds the logit: subtraction may round two logits to one value.
  const auto is_better = [](const TokenLogProbability& a, const TokenLogProbability& b) {
    const bool a_is_nan = std::isnan(a.log_probability), b_is_nan = std::isnan(b.log_probability);
    if (a_is_nan != b_is_nan) return b_is_nan;
    if (!a_is_nan && a.log_probability != b.log_probability) return a.log_probability > b.log_probability;
    return a.token < b.token;
  };
  for (std::size_t i = 0; i < wanted; ++i) best[i] = {static_cast<TokenId>(i), row[i]};
  // A heap with the worst of the best in front.
  std::make_heap(best.begin(), best.end(), is_better);
  for (std::size_t i = wanted; i < row.size(); ++i) {
    const TokenLogProbability candidate{static_cast<TokenId>(i), row[i]};
    if (!is_better(candidate, best.front())) continue;
    std::pop_heap(best.begin(), best.end(), is_better);
    best.back() = candidate;
    std::push_heap(best.begin(), best.end(), is_better);
  }
  std::sort_heap(best.begin(), best.end(), is_better);
  for (TokenLogProbability& entry : best) entry.log_probability = statistics.log_probability(entry.log_probability);
  return wanted;
}

}  // namespace sluice::kernels
