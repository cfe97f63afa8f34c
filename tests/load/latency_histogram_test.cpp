#include "load/latency_histogram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"

namespace sluice::load {
namespace {

using std::chrono::nanoseconds;

TEST_SUITE("load/latency_histogram") {
  TEST_CASE("an empty one answers 0") {
    const LatencyHistogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.max() == nanoseconds(0));
    CHECK(histogram.mean() == nanoseconds(0));
    CHECK(histogram.quantile(0.5) == nanoseconds(0));
    CHECK(histogram.quantile(1) == nanoseconds(0));
  }

  TEST_CASE("small durations are exact: quantiles by nearest rank") {
    LatencyHistogram histogram;
    for (int ns = 100; ns >= 1; --ns) histogram.record(nanoseconds(ns));
    CHECK(histogram.count() == 100);
    CHECK(histogram.quantile(0) == nanoseconds(1));
    CHECK(histogram.quantile(0.01) == nanoseconds(1));
    CHECK(histogram.quantile(0.5) == nanoseconds(50));
    CHECK(histogram.quantile(0.501) == nanoseconds(51));
    CHECK(histogram.quantile(0.9) == nanoseconds(90));
    CHECK(histogram.quantile(0.99) == nanoseconds(99));
    CHECK(histogram.quantile(1) == nanoseconds(100));
    CHECK(histogram.max() == nanoseconds(100));
    CHECK(histogram.mean() == nanoseconds(50));
  }

  TEST_CASE("bucket bounds: 256 to 511 ns two by two, 512 to 1023 four by four") {
    const auto bucket_bound = [](int ns) {
      LatencyHistogram histogram;
      histogram.record(nanoseconds(ns));
      histogram.record(std::chrono::seconds(1));  // So that the bound is not cut to the maximum.
      return histogram.quantile(0.5).count();
    };
    CHECK(bucket_bound(255) == 255);
    CHECK(bucket_bound(256) == 257);
    CHECK(bucket_bound(257) == 257);
    CHECK(bucket_bound(258) == 259);
    CHECK(bucket_bound(511) == 511);
    CHECK(bucket_bound(512) == 515);
    CHECK(bucket_bound(516) == 519);
    CHECK(bucket_bound(1023) == 1023);
  }

  TEST_CASE("any duration: a quantile is at most 1/128 above the true one and never below it") {
    SplitMix64 random(7);
    LatencyHistogram histogram;
    std::vector<std::int64_t> all;
    for (int i = 0; i < 5000; ++i) {
      const auto ns = static_cast<std::int64_t>(std::exp(random.unit() * 28));  // Up to 24 minutes, all scales alike.
      all.push_back(ns);
      histogram.record(nanoseconds(ns));
    }
    std::sort(all.begin(), all.end());
    for (const double q : {0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999}) {
      const std::int64_t truth = all[static_cast<std::size_t>(std::ceil(q * 5000)) - 1];
      CHECK(histogram.quantile(q).count() >= truth);
      CHECK(histogram.quantile(q).count() <= truth + truth / 128);
    }
    CHECK(histogram.quantile(1).count() == all.back());
  }

  TEST_CASE("durations beyond the range: below 0 counts as 0, the maximum stays exact") {
    LatencyHistogram histogram;
    histogram.record(nanoseconds(-5));
    histogram.record(std::chrono::hours(30));
    histogram.record(std::chrono::hours(40));
    CHECK(histogram.quantile(0.1) == nanoseconds(0));
    CHECK(histogram.quantile(0.5) == LatencyHistogram::kLongest);
    CHECK(histogram.quantile(1) == std::chrono::hours(40));
    CHECK(histogram.max() == std::chrono::hours(40));
  }
}

}  // namespace
}  // namespace sluice::load
