#include "metrics/families.h"

#include <limits>

namespace sluice::metrics {

namespace {

constexpr double kUsPerSecond = 1e6;

}  // namespace

void Families::counter(const char* name, const char* help, std::uint64_t value) {
  begin(name, help, prometheus::MetricType::Counter);
  add({}, value);
}

void Families::gauge(const char* name, const char* help, std::uint64_t value) {
  begin(name, help, prometheus::MetricType::Gauge);
  add({}, value);
}

void Families::seconds(const char* name, const char* help, std::uint64_t us) {
  begin(name, help, prometheus::MetricType::Counter);
  add_seconds({}, us);
}

void Families::histogram(const char* name, const char* help, const TimeHistogram& histogram_us) {
  begin(name, help, prometheus::MetricType::Histogram);
  add({}, histogram_us);
}

void Families::begin(const char* name, const char* help, prometheus::MetricType type) {
  families_.push_back({name, help, type, {}});
}

void Families::add_seconds(Labels labels, std::uint64_t us) {
  add_value(std::move(labels), static_cast<double>(us) / kUsPerSecond);
}

void Families::add(Labels labels, const TimeHistogram& histogram_us) {
  add_histogram(std::move(labels), histogram_us, kUsPerSecond);
}

void Families::add(Labels labels, const CountHistogram& histogram) {
  add_histogram(std::move(labels), histogram, 1);
}

void Families::add_value(Labels labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  // Which of the two is read is the family's matter.
  metric.counter.value = value;
  metric.gauge.value = value;
  families_.back().metric.push_back(std::move(metric));
}

template <const auto& kBounds>
void Families::add_histogram(Labels labels, const Histogram<kBounds>& histogram, double unit) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    cumulative += histogram.counts[i];
    const double bound =
        i < kBounds.size() ? static_cast<double>(kBounds[i]) / unit : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = static_cast<double>(histogram.sum) / unit;
  families_.back().metric.push_back(std::move(metric));
}

}  // namespace sluice::metrics
