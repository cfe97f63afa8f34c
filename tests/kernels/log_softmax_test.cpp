#include "kernels/logits/log_softmax.h"

#include <algorithm>

#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

TEST_SUITE("kernels/logits/log_softmax") {
  TEST_CASE("logit_statistics: agrees with the reference on every path and size") {
    SplitMix64 random(1);
    for (std::size_t count : {1, 2, 7, 8, 15, 16, 17, 33, 1009, 4096, 4097, 20011}) {
      const std::vector<float> row = test::random_values(random, count, 10.0f);
      const LogitStatistics reference = logit_statistics_reference(row);
      for (IsaPath path : available_isa_paths()) {
        INFO(to_string(path) << ", " << count << " logits");
        const LogitStatistics statistics = logit_statistics(path, row);
        CHECK(statistics.argmax == reference.argmax);
        CHECK(statistics.maximum == reference.maximum);
        CHECK(std::fabs(statistics.log_sum - reference.log_sum) <= 1e-5f);
        CHECK(argmax(path, row) == reference.argmax);
      }
    }
  }

  TEST_CASE("argmax: the lowest id among equals, at every place of a vector") {
    for (IsaPath path : available_isa_paths()) {
      for (std::size_t first = 0; first < 40; ++first) {
        std::vector<float> row(40, -1.0f);
        for (std::size_t i = first; i < row.size(); i += 3) row[i] = 2.5f;
        CHECK(argmax(path, row) == static_cast<TokenId>(first));
      }
    }
  }

  TEST_CASE("argmax: NaN never wins, and a row of NaN gives token 0") {
    for (IsaPath path : available_isa_paths()) {
      std::vector<float> row(37, NAN);
      CHECK(argmax(path, row) == 0);
      row[20] = -3.0f;
      row[33] = -2.0f;
      CHECK(argmax(path, row) == 33);
      CHECK(std::isnan(logit_statistics(path, row).log_sum));
      std::vector<float> low(37, -INFINITY);
      low[5] = -1e30f;
      CHECK(argmax(path, low) == 5);
    }
  }

  TEST_CASE("logit_statistics: masked tokens at minus infinity have no weight") {
    for (IsaPath path : available_isa_paths()) {
      std::vector<float> row(100, -INFINITY);
      row[3] = row[98] = 7.0f;
      const LogitStatistics statistics = logit_statistics(path, row);
      CHECK(statistics.log_probability(7.0f) == doctest::Approx(-std::log(2.0)));
      CHECK(statistics.log_probability(-INFINITY) == -INFINITY);
    }
  }

  TEST_CASE("top_log_probabilities: the order of a full sort, lower ids first among equals") {
    SplitMix64 random(2);
    std::vector<float> row(500);
    for (float& value : row) value = static_cast<float>(random.below(40));
    const LogitStatistics statistics = logit_statistics(IsaPath::kScalar, row);
    std::vector<TokenId> sorted(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) sorted[i] = static_cast<TokenId>(i);
    std::stable_sort(sorted.begin(), sorted.end(), [&](TokenId a, TokenId b) {
      return row[static_cast<std::size_t>(a)] > row[static_cast<std::size_t>(b)];
    });
    for (std::size_t count : {0, 1, 5, 20, 499, 500, 600}) {
      std::vector<TokenLogProbability> best(count);

      const std::size_t written = top_log_probabilities(row, statistics, best);

      REQUIRE(written == std::min<std::size_t>(count, 500));
      for (std::size_t i = 0; i < written; ++i) {
        CHECK(best[i].token == sorted[i]);
        CHECK(best[i].log_probability == statistics.log_probability(row[static_cast<std::size_t>(sorted[i])]));
      }
    }
  }

  TEST_CASE("top_log_probabilities: NaN comes last") {
    std::vector<float> row = {NAN, 1.0f, NAN, 3.0f, -INFINITY};
    std::vector<TokenLogProbability> best(5);
    CHECK(top_log_probabilities(row, {.argmax = 3, .maximum = 3.0f, .log_sum = 0.0f}, best) == 5);
    const TokenId expected[] = {3, 1, 4, 0, 2};
    for (std::size_t i = 0; i < 5; ++i) CHECK(best[i].token == expected[i]);
  }
}

}  // namespace
}  // namespace sluice::kernels
