#include "base/histogram.h"

#include <doctest/doctest.h>

#include <numeric>

#include "base/error_counts.h"

namespace sluice {
namespace {

TEST_SUITE("base/histogram") {
  TEST_CASE("add: a value counts in the bucket whose bound it does not exceed") {
    for (std::size_t i = 0; i < kTimeBounds_us.size(); ++i) {
      TimeHistogram at_bound;
      at_bound.add(kTimeBounds_us[i]);
      CHECK(at_bound.counts[i] == 1);
      TimeHistogram above;
      above.add(kTimeBounds_us[i] + 1);
      CHECK(above.counts[i + 1] == 1);
    }
    CountHistogram smallest;
    smallest.add(0);
    CHECK(smallest.counts[0] == 1);
  }

  TEST_CASE("add: counts and sum are those of all values") {
    CountHistogram histogram;
    histogram.add(3);
    histogram.add(100, 4);
    histogram.add(1'000'000);
    CHECK(std::accumulate(histogram.counts.begin(), histogram.counts.end(), std::uint64_t{0}) == 6);
    CHECK(histogram.counts.back() == 1);
    CHECK(histogram.sum == 3 + 400 + 1'000'000);
  }

  TEST_CASE("bounds rise") {
    CHECK(std::is_sorted(kTimeBounds_us.begin(), kTimeBounds_us.end()));
    CHECK(std::is_sorted(kCountBounds.begin(), kCountBounds.end()));
  }

  TEST_CASE("ErrorCounts: each code has a place of its own") {
    ErrorCounts counts;
    for (int code = 1; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
      for (int i = 0; i < code; ++i) counts.add(static_cast<ErrorCode>(code));
    }
    for (int code = 1; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
      CHECK(counts.of(static_cast<ErrorCode>(code)) == static_cast<std::uint64_t>(code));
    }
  }
}

}  // namespace
}  // namespace sluice
