#include "tests/support/metrics_text.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>
#include <vector>

namespace sluice::test {

MetricSamples parse_metrics(const std::string& text) {
  MetricSamples samples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    CAPTURE(line);
    // No label value of ours holds a blank.
    const std::size_t blank = line.find(' ');
    REQUIRE(blank != std::string::npos);
    const std::string number = line.substr(blank + 1);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    CHECK(*end == '\0');
    CHECK(samples.emplace(line.substr(0, blank), value).second);
  }
  return samples;
}

double sample(const MetricSamples& samples, const std::string& name) {
  const auto found = samples.find(name);
  CAPTURE(name);
  REQUIRE(found != samples.end());
  return found->second;
}

std::set<std::string> family_names(const MetricSamples& samples) {
  std::set<std::string> names;
  for (const auto& [key, value] : samples) {
    std::string name = key.substr(0, key.find('{'));
    for (const std::string suffix : {"_bucket", "_count", "_sum"}) {
      if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    }
    names.insert(name);
  }
  return names;
}

void check_histograms(const MetricSamples& samples) {
  // By series without its bound: the counts by bound.
  std::map<std::string, std::map<double, double>> histograms;
  for (const auto& [key, value] : samples) {
    const std::size_t bucket = key.find("_bucket{");
    if (bucket == std::string::npos) continue;
    const std::size_t bound = key.find("le=\"");
    REQUIRE(bound != std::string::npos);
    std::string labels = key.substr(bucket + 8, bound - bucket - 8);
    if (labels.ends_with(',')) labels.pop_back();
    const std::string series = key.substr(0, bucket) + "_count" + (labels.empty() ? "" : "{" + labels + "}");
    histograms[series][std::strtod(key.c_str() + bound + 4, nullptr)] = value;
  }
  for (const auto& [series, buckets] : histograms) {
    CAPTURE(series);
    double before = 0;
    for (const auto& [bound, count] : buckets) {
      CHECK(count >= before);
      before = count;
    }
    CHECK(sample(samples, series) == before);
  }
}

}  // namespace sluice::test
