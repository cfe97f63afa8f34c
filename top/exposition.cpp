#include "top/exposition.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

namespace sluice::top {

namespace {

constexpr std::pair<std::string_view, MetricKind> kKinds[] = {{"counter", MetricKind::kCounter},
                                                              {"gauge", MetricKind::kGauge},
                                                              {"histogram", MetricKind::kHistogram},
                                                              {"summary", MetricKind::kSummary},
                                                              {"untyped", MetricKind::kUntyped}};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

// The longest name at the beginning of `text`, which is cut off; empty if there is none.
std::string_view take_name(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_name_char(text[size])) ++size;
  if (size > 0 && text[0] >= '0' && text[0] <= '9') size = 0;
  const std::string_view name = text.substr(0, size);
  text.remove_prefix(size);
  return name;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<double> number(std::string_view text) {
  if (text == "Nan" || text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  const std::size_t first_digit = text.starts_with('-') ? 1 : 0;
  if (text.size() <= first_digit || text[first_digit] < '0' || text[first_digit] > '9') return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_count(double value) {
  return std::isfinite(value) && value >= 0;
}

// Reads line after line; keeps of the text only what has become series.
class Parser {
 public:
  explicit Parser(const ExpositionLimits& limits) : limits_(limits) {}

  Result<Exposition> parse(std::string_view text);

 private:
  enum Part : unsigned { kValue = 1, kSum = 2, kPoints = 4 };

  Error wrong(const std::string& what) const {
    return {ErrorCode::kProtocolViolation, "line " + std::to_string(line_number_) + ": " + what};
  }

  Result<void> read_line(std::string_view line);
  Result<void> read_comment(std::string_view line);
  Result<void> read_sample(std::string_view line);
  Result<Labels> read_labels(std::string_view& text) const;
  Result<std::string> read_label_value(std::string_view& text) const;
  Result<Part> part_of(std::string_view name) const;
  Result<void> add(Part part, Labels labels, double value);
  Result<void> add_point(Series& series, std::optional<double> bound, double count) const;
  Result<void> finish_family() const;

  const ExpositionLimits& limits_;
  Exposition families_;
  std::size_t line_number_ = 0;
  std::size_t series_ = 0;
  Exposition::value_type* family_ = nullptr;
  std::unordered_map<const Series*, unsigned> parts_;  // Of the series of the current family: Part bits.
};

Result<Exposition> Parser::parse(std::string_view text) {
  if (text.size() > limits_.text_bytes_max)
    return wrong("more than " + std::to_string(limits_.text_bytes_max) + " bytes");
  while (!text.empty()) {
    ++line_number_;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return wrong("no end of the line");
    if (end > limits_.line_bytes_max) return wrong("longer than " + std::to_string(limits_.line_bytes_max) + " bytes");
    if (auto read = read_line(text.substr(0, end)); !read) return read.error();
    text.remove_prefix(end + 1);
  }
  if (auto finished = finish_family(); !finished) return finished.error();
  return std::move(families_);
}

Result<void> Parser::read_line(std::string_view line) {
  return line.starts_with('#') ? read_comment(line) : read_sample(line);
}

Result<void> Parser::read_comment(std::string_view line) {
  if (take(line, "# HELP ")) {
    return take_name(line).empty() ? Result<void>(wrong("HELP of no name")) : Result<void>();
  }
  if (!take(line, "# TYPE ")) return wrong("neither HELP, TYPE nor a sample");
  const std::string_view name = take_name(line);
  if (name.empty() || !take(line, " ")) return wrong("TYPE of no name");
  for (const auto& [word, kind] : kKinds) {
    if (line != word) continue;
    if (auto finished = finish_family(); !finished) return finished;
    if (families_.size() == limits_.families_max) return wrong("too many families");
    const auto [family, is_new] = families_.try_emplace(std::string(name), Family{kind, {}});
    if (!is_new) return wrong("a second TYPE of " + std::string(name));
    family_ = &*family;
    parts_.clear();
    return {};
  }
  return wrong("an unknown TYPE");
}

Result<void> Parser::read_sample(std::string_view line) {
  const auto part = part_of(take_name(line));
  if (!part) return part.error();
  auto labels = read_labels(line);
  if (!labels) return labels.error();
  if (!take(line, " ")) return wrong("no blank before the value");
  const auto value = number(line);
  if (!value) return wrong("the value is no number");
  return add(*part, *std::move(labels), *value);
}

Result<Labels> Parser::read_labels(std::string_view& text) const {
  Labels labels;
  if (!take(text, "{")) return labels;
  while (!take(text, "}")) {
    if (!labels.empty() && !take(text, ",")) return wrong("no comma between labels");
    const std::string_view name = take_name(text);
    if (name.empty() || !take(text, "=\"")) return wrong("no label");
    auto value = read_label_value(text);
    if (!value) return value.error();
    if (labels.size() == limits_.labels_max) return wrong("too many labels");
    if (!labels.emplace(name, *std::move(value)).second) return wrong("a label twice");
  }
  return labels;
}

// From behind the opening quotation mark to behind the closing one.
Result<std::string> Parser::read_label_value(std::string_view& text) const {
  std::string value;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return value;
    if (c != '\\') {
      value += c;
    } else if (take(text, "n")) {
      value += '\n';
    } else if (take(text, "\\")) {
      value += '\\';
    } else if (take(text, "\"")) {
      value += '"';
    } else {
      return wrong("an unknown escape in a label");
    }
  }
  return wrong("a label without an end");
}

Result<Parser::Part> Parser::part_of(std::string_view name) const {
  if (family_ == nullptr) return wrong("a sample without a TYPE");
  const auto& [family_name, family] = *family_;
  if (!take(name, family_name)) return wrong("a sample that is not of " + family_name);
  const bool has_parts = family.kind == MetricKind::kHistogram || family.kind == MetricKind::kSummary;
  if (name.empty() && family.kind != MetricKind::kHistogram) return has_parts ? kPoints : kValue;
  if (has_parts && name == "_count") return kValue;
  if (has_parts && name == "_sum") return kSum;
  if (name == "_bucket" && family.kind == MetricKind::kHistogram) return kPoints;
  return wrong("a sample that is not of " + family_name);
}

Result<void> Parser::add(Part part, Labels labels, double value) {
  const MetricKind kind = family_->second.kind;
  std::optional<double> bound;
  if (part == kPoints) {
    const auto label = labels.find(kind == MetricKind::kHistogram ? "le" : "quantile");
    if (label == labels.end()) return wrong("no bound");
    bound = number(label->second);
    labels.erase(label);
  }
  const auto [place, is_new] = family_->second.series.try_emplace(std::move(labels));
  Series& series = place->second;
  if (is_new && ++series_ > limits_.series_max) return wrong("too many series");
  unsigned& parts = parts_[&series];
  if (part != kPoints && (parts & part) != 0) return wrong("a sample twice");
  parts |= part;
  if (part == kPoints) return add_point(series, bound, value);
  if (part == kSum) {
    series.sum = value;
    return {};
  }
  const bool is_any = kind == MetricKind::kGauge || kind == MetricKind::kUntyped;
  if (!is_any && !is_count(value)) return wrong("a count below zero, or none");
  series.value = value;
  return {};
}

Result<void> Parser::add_point(Series& series, std::optional<double> bound, double count) const {
  if (!bound || std::isnan(*bound)) return wrong("a bound is no number");
  if (series.points.size() == limits_.points_max) return wrong("too many bounds");
  if (!series.points.empty() && *bound <= series.points.back().bound) return wrong("bounds that do not ascend");
  if (family_->second.kind == MetricKind::kHistogram) {
    if (!is_count(count)) return wrong("a count below zero, or none");
    if (!series.points.empty() && count < series.points.back().count) return wrong("counts that descend");
  }
  series.points.push_back({*bound, count});
  return {};
}

// A histogram is whole: its count, its sum, and all of its buckets.
Result<void> Parser::finish_family() const {
  if (family_ == nullptr || family_->second.kind != MetricKind::kHistogram) return {};
  for (const auto& [labels, series] : family_->second.series) {
    if (parts_.at(&series) != (kValue | kSum | kPoints))
      return wrong("before: a part of " + family_->first + " is missing");
    const Point& last = series.points.back();
    if (last.bound != std::numeric_limits<double>::infinity() || last.count != series.value) {
      return wrong("before: the last bucket of " + family_->first + " does not hold its count");
    }
  }
  return {};
}

}  // namespace

Result<Exposition> parse_exposition(std::string_view text, const ExpositionLimits& limits) {
  return Parser(limits).parse(text);
}

}  // namespace sluice::top
