#include "top/exposition.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace sluice::top {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Exposition parse(std::string_view text) {
  auto parsed = parse_exposition(text);
  if (!parsed.ok()) FAIL(to_string(parsed.error()));
  return *std::move(parsed);
}

std::string error_of(std::string_view text, const ExpositionLimits& limits = {}) {
  const auto parsed = parse_exposition(text, limits);
  REQUIRE(!parsed.ok());
  CHECK(parsed.error().code == ErrorCode::kProtocolViolation);
  return parsed.error().message;
}

TEST_SUITE("top/exposition") {
  // The text below is prometheus-cpp's own, of its TextSerializer.
  TEST_CASE("counters and gauges, with labels, escapes and numbers of every kind") {
    const Exposition families = parse(
        "# HELP a_total help \\ with a backslash\n"
        "# TYPE a_total counter\n"
        "a_total 0.1\n"
        "a_total{b=\"\",x=\"q\\\"u\\\\o\\nte\"} 1e+18\n"
        "# TYPE g gauge\n"
        "g{n=\"x\"} -1.5e-09\n"
        "g{n=\"ninf\"} -Inf\n"
        "g{n=\"inf\"} +Inf\n"
        "g{n=\"nan\"} Nan\n");
    REQUIRE(families.size() == 2);
    const Family& counter = families.at("a_total");
    CHECK(counter.kind == MetricKind::kCounter);
    CHECK(counter.series.at({}).value == 0.1);
    CHECK(counter.series.at({{"b", ""}, {"x", "q\"u\\o\nte"}}).value == 1e18);
    const Family& gauge = families.at("g");
    CHECK(gauge.kind == MetricKind::kGauge);
    CHECK(gauge.series.at({{"n", "x"}}).value == -1.5e-9);
    CHECK(gauge.series.at({{"n", "ninf"}}).value == -kInfinity);
    CHECK(gauge.series.at({{"n", "inf"}}).value == kInfinity);
    CHECK(std::isnan(gauge.series.at({{"n", "nan"}}).value));
  }

  TEST_CASE("histograms and summaries") {
    const Exposition families = parse(
        "# HELP h_seconds h\n"
        "# TYPE h_seconds histogram\n"
        "h_seconds_count 1\n"
        "h_seconds_sum 2\n"
        "h_seconds_bucket{le=\"+Inf\"} 1\n"
        "h_seconds_count{l=\"1\"} 3\n"
        "h_seconds_sum{l=\"1\"} 0.3\n"
        "h_seconds_bucket{l=\"1\",le=\"0.001\"} 0\n"
        "h_seconds_bucket{l=\"1\",le=\"0.1\"} 2\n"
        "h_seconds_bucket{l=\"1\",le=\"+Inf\"} 3\n"
        "# HELP s h\n"
        "# TYPE s summary\n"
        "s_count{z=\"1\"} 1\n"
        "s_sum{z=\"1\"} 3\n"
        "s{z=\"1\",quantile=\"0.5\"} 3\n"
        "s{z=\"1\",quantile=\"0.99\"} Nan\n");
    const Family& histogram = families.at("h_seconds");
    CHECK(histogram.kind == MetricKind::kHistogram);
    REQUIRE(histogram.series.size() == 2);
    CHECK(histogram.series.at({}).points == std::vector<Point>{{kInfinity, 1}});
    const Series& series = histogram.series.at({{"l", "1"}});
    CHECK(series.value == 3);
    CHECK(series.sum == 0.3);
    CHECK(series.points == std::vector<Point>{{0.001, 0}, {0.1, 2}, {kInfinity, 3}});
    const Series& summary = families.at("s").series.at({{"z", "1"}});
    CHECK(summary.value == 1);
    CHECK(summary.points[0] == Point{0.5, 3});
  }

  TEST_CASE("nothing is an exposition of nothing") {
    CHECK(parse("").empty());
    CHECK(parse("# TYPE a counter\n").at("a").series.empty());
  }

  TEST_CASE("errors name the line") {
    CHECK(error_of("# TYPE a gauge\na one\n") == "line 2: the value is no number");
    CHECK(error_of("<html>\n") == "line 1: a sample without a TYPE");
  }

  TEST_CASE("lines that prometheus-cpp does not write are refused") {
    const std::string gauge = "# TYPE a gauge\n";
    for (const std::string text : {"a 1",
                                   "\n",
                                   "a\n",
                                   "a \n",
                                   "a  1\n",
                                   "a 1 \n",
                                   "a 1 1700000000\n",
                                   "a 0x10\n",
                                   "a inf\n",
                                   "a nan\n",
                                   "a -\n",
                                   "a 1e999\n",
                                   "a .5\n",
                                   "b 1\n",
                                   "ab 1\n",
                                   "a_count 1\n",
                                   "a{x=\"1\" 1\n",
                                   "a{x=\"1} 1\n",
                                   "a{x=1} 1\n",
                                   "a{x=\"1\"y=\"2\"} 1\n",
                                   "a{x=\"1\",x=\"2\"} 1\n",
                                   "a{1=\"1\"} 1\n",
                                   "a{x=\"\\t\"} 1\n",
                                   "a{x=\"1\",} 1\n",
                                   "a{x=\"1\"}1\n",
                                   "a 1\na 2\n",
                                   "# comment\n",
                                   "# HELP \n",
                                   "# TYPE 1 gauge\n",
                                   "# TYPE b\n",
                                   "# TYPE b gauges\n",
                                   "# TYPE a gauge\n",
                                   "#\n",
                                   "a 1\r\n"}) {
      CAPTURE(text);
      error_of(gauge + text);
    }
  }

  TEST_CASE("counts are counts") {
    for (const std::string value : {"-1", "Nan", "+Inf"}) error_of("# TYPE a counter\na " + value + "\n");
  }

  TEST_CASE("histograms are whole, and their buckets in order") {
    const std::string head = "# TYPE h histogram\n";
    const std::string sums = "h_count 2\nh_sum 1\n";
    const std::string good = head + sums + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\n";
    CHECK(parse(good).at("h").series.at({}).points.size() == 2);
    for (const std::string& lines :
         {sums, sums + "h_bucket{le=\"1\"} 2\n", sums + "h_bucket{le=\"+Inf\"} 1\n", sums + "h_bucket 2\n",
          sums + "h_bucket{le=\"x\"} 2\n", sums + "h_bucket{le=\"Nan\"} 2\n", sums + "h 2\n",
          sums + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 2\n",
          sums + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n", sums + sums + "h_bucket{le=\"+Inf\"} 2\n",
          std::string("h_count 2\nh_bucket{le=\"+Inf\"} 2\n")}) {
      CAPTURE(lines);
      error_of(head + lines);
      error_of(head + lines + "# TYPE b gauge\n");
    }
  }

  TEST_CASE("everything has a limit") {
    const std::string text =
        "# TYPE a gauge\na{x=\"1\",y=\"1\"} 1\na{x=\"2\"} 1\n"
        "# TYPE h histogram\nh_count 0\nh_sum 0\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 0\n";
    const ExpositionLimits just = {.text_bytes_max = text.size(),
                                   .line_bytes_max = 21,
                                   .families_max = 2,
                                   .series_max = 3,
                                   .points_max = 2,
                                   .labels_max = 2};
    CHECK(parse_exposition(text, just).ok());
    for (std::size_t ExpositionLimits::*limit :
         {&ExpositionLimits::text_bytes_max, &ExpositionLimits::line_bytes_max, &ExpositionLimits::families_max,
          &ExpositionLimits::series_max, &ExpositionLimits::points_max, &ExpositionLimits::labels_max}) {
      ExpositionLimits less = just;
      less.*limit -= 1;
      error_of(text, less);
    }
  }
}

}  // namespace
}  // namespace sluice::top
