// Statistics of one row of logits: greedy choice, log-probabilities, the most probable tokens.
//
//   log_probability(token) = (logit[token] - maximum) - log(sum_i exp(logit[i] - maximum))
//
// Invariance: the sum runs over pieces of fixed length in the order of the ids, each one chain of vectors and one fixed
//             tree, added up in double: bits depend on the row and the path alone.
// Tolerance:  1e-5 absolute against the reference (double) for vocabularies up to 256 Ki.
// NaN:        never the maximum; makes the sum, and so every log-probability, NaN. A row of nothing but NaN has argmax
// 0. Thread:     all calls are serial; rows can be given to different threads.
#pragma once

#include <cstdint>
#include <span>

#include "base/id.h"
#include "kernels/cpu/isa_path.h"

namespace sluice::kernels {

struct LogitStatistics {
  TokenId argmax = 0;  // The lowest id that has the maximum.
  float maximum = 0;
  float log_sum = 0;  // log(sum_i exp(logit[i] - maximum)).

  float log_probability(float logit) const { return (logit - maximum) - log_sum; }
};

struct TokenLogProbability {
  TokenId token = 0;
  float log_probability = 0;

  friend bool operator==(const TokenLogProbability&, const TokenLogProbability&) = default;
};

// The lowest id that has the maximum. `row` has 1 or more logits.
TokenId argmax(IsaPath path, std::span<const float> row);

// `row` has 1 or more logits.
LogitStatistics logit_statistics(IsaPath path, std::span<const float> row);

// Writes the min(best.size(), row.size()) most probable tokens, best first, the lower id first among equals; returns
// how many. NaN comes last. Meant for small counts: the time grows with row.size() * log(best.size()) at worst.
std::size_t top_log_probabilities(std::span<const float> row, const LogitStatistics& statistics,
                                  std::span<TokenLogProbability> best);

// The same by plain loops in double, for tests.
LogitStatistics logit_statistics_reference(std::span<const float> row);

}  // namespace sluice::kernels
