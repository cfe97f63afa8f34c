// Prometheus' text format, read back: for tests of what writes it.
#pragma once

#include <map>
#include <set>
#include <string>

namespace sluice::test {

// By name and labels as they stand in the text, e.g. "sluice_kv_blocks{state=\"free\"}".
using MetricSamples = std::map<std::string, double>;

// A doctest failure for a line that is neither a comment nor a sample, or a sample that occurs twice.
MetricSamples parse_metrics(const std::string& text);

// The value, or a doctest failure if there is no such sample.
double sample(const MetricSamples& samples, const std::string& name);

// The names without labels, buckets and their like counted as their histogram.
std::set<std::string> family_names(const MetricSamples& samples);

// Whether the buckets of every histogram rise to its count (doctest checks).
void check_histograms(const MetricSamples& samples);

}  // namespace sluice::test
