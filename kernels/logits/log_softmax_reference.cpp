#include <cmath>

#include "kernels/logits/log_softmax.h"

namespace sluice::kernels {

LogitStatistics logit_statistics_reference(std::span<const float> row) {
  LogitStatistics statistics;
  statistics.maximum = -INFINITY;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] > statistics.maximum) {
      statistics.maximum = row[i];
      statistics.argmax = static_cast<TokenId>(i);
    }
  }
  double sum = 0;
  for (float logit : row) sum += std::exp(static_cast<double>(logit) - statistics.maximum);
  statistics.log_sum = static_cast<float>(std::log(sum));
  return statistics;
}

}  // namespace sluice::kernels
