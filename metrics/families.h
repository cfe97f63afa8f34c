// Collects metric families in the making: one call per family or per series.
//
// A series goes to the family that was begun last, so that all series of a family stand together, as the text format
// wants it. Confined: to whoever has it, for the length of one rendering.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/histogram.h"

namespace sluice::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;

class Families {
 public:
  // A family without labels, and its one series.
  void counter(const char* name, const char* help, std::uint64_t value);
  void gauge(const char* name, const char* help, std::uint64_t value);
  void seconds(const char* name, const char* help, std::uint64_t us);  // A counter of time.
  void histogram(const char* name, const char* help, const TimeHistogram& histogram_us);

  // A family with labels: then its series.
  void begin(const char* name, const char* help, prometheus::MetricType type);
  void add(Labels labels, std::uint64_t value) { add_value(std::move(labels), static_cast<double>(value)); }
  void add_seconds(Labels labels, std::uint64_t us);
  void add(Labels labels, const TimeHistogram& histogram_us);
  void add(Labels labels, const CountHistogram& histogram);

  std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  void add_value(Labels labels, double value);
  template <const auto& kBounds>
  void add_histogram(Labels labels, const Histogram<kBounds>& histogram, double unit);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace sluice::metrics
