// What a scrape says: metric families by name, as the Prometheus text format, version 0.0.4, carries them.
//
// parse_exposition() reads what prometheus-cpp writes, and no more than that: every sample stands below the TYPE line
// of its family, without a time stamp. Whoever answers at the address is not trusted: all counts and lengths are
// bounded, strings may have any bytes but line ends (render.h prints them with care).
// Errors: kProtocolViolation, naming the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::top {

enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram, kSummary, kUntyped };

using Labels = std::map<std::string, std::string, std::less<>>;

// Of a histogram: how many observations, `count`, were at most `bound`. Bounds ascend, counts do not descend, and the
// last bound is infinite. Of a summary: `bound` is the share, `count` the quantile's value.
struct Point {
  double bound = 0;
  double count = 0;

  friend bool operator==(const Point&, const Point&) = default;
};

// One time series. `value` is a histogram's or summary's count, `sum` and `points` are theirs alone.
struct Series {
  double value = 0;
  double sum = 0;
  std::vector<Point> points;
};

struct Family {
  MetricKind kind = MetricKind::kUntyped;
  std::map<Labels, Series> series;
};

using Exposition = std::map<std::string, Family, std::less<>>;

struct ExpositionLimits {
  std::size_t text_bytes_max = 4 << 20;
  std::size_t line_bytes_max = 8192;
  std::size_t families_max = 1024;
  std::size_t series_max = 16384;  // Of all families together.
  std::size_t points_max = 256;    // Of one series.
  std::size_t labels_max = 16;     // Of one series.
};

Result<Exposition> parse_exposition(std::string_view text, const ExpositionLimits& limits = {});

}  // namespace sluice::top
