#include "top/scrape.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::top {

namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

bool matches(const Labels& labels, const Labels& filter) {
  return std::all_of(filter.begin(), filter.end(), [&](const auto& wanted) {
    const auto label = labels.find(wanted.first);
    return label != labels.end() && label->second == wanted.second;
  });
}

template <class OnSeries>
void for_each_series(const Scrape& scrape, std::string_view name, const Labels& filter, OnSeries on_series) {
  const auto family = scrape.families.find(name);
  if (family == scrape.families.end()) return;
  for (const auto& [labels, series] : family->second.series) {
    if (matches(labels, filter)) on_series(labels, series);
  }
}

bool has_same_bounds(const std::vector<Point>& a, const std::vector<Point>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Point& x, const Point& y) { return x.bound == y.bound; });
}

// Whether `now` can have grown out of `before`.
bool has_grown(const Series& before, const Series& now) {
  if (now.value < before.value || !has_same_bounds(before.points, now.points)) return false;
  for (std::size_t i = 0; i < now.points.size(); ++i) {
    if (now.points[i].count < before.points[i].count) return false;
  }
  return true;
}

}  // namespace

// ---- Distribution ---------------------------------------------------------------------------------------------------

void Distribution::add(const std::vector<Point>& points, double sum) {
  if (points_.empty()) {
    points_ = points;
  } else if (has_same_bounds(points_, points)) {
    for (std::size_t i = 0; i < points.size(); ++i) points_[i].count += points[i].count;
  } else {
    return;
  }
  sum_ += sum;
}

std::optional<double> Distribution::mean() const {
  return count() > 0 ? std::optional(sum_ / count()) : std::nullopt;
}

std::optional<double> Distribution::quantile(double q) const {
  if (count() <= 0) return std::nullopt;
  const double rank = q * count();
  Point below{};
  for (const Point& point : points_) {
    if (&point == &points_.back()) return below.bound;
    if (point.count >= rank && point.count > below.count) {
      return below.bound +
             (point.bound - below.bound) * std::max(0.0, rank - below.count) / (point.count - below.count);
    }
    below = point;
  }
  return below.bound;
}

// ---- Window ---------------------------------------------------------------------------------------------------------

const Series* Window::find_before(std::string_view name, const Labels& labels) const {
  const auto family = before_->families.find(name);
  if (family == before_->families.end()) return nullptr;
  const auto series = family->second.series.find(labels);
  return series == family->second.series.end() ? nullptr : &series->second;
}

std::optional<double> Window::value(std::string_view name, const Labels& filter) const {
  std::optional<double> sum;
  for_each_series(now_, name, filter,
                  [&](const Labels&, const Series& series) { sum = sum.value_or(0) + series.value; });
  return sum;
}

std::optional<double> Window::increase(std::string_view name, const Labels& filter) const {
  std::optional<double> sum;
  if (before_ == nullptr) return sum;
  for_each_series(now_, name, filter, [&](const Labels& labels, const Series& series) {
    const Series* before = find_before(name, labels);
    const bool is_going_on = before != nullptr && has_grown(*before, series);
    sum = sum.value_or(0) + series.value - (is_going_on ? before->value : 0);
  });
  return sum;
}

std::optional<double> Window::rate(std::string_view name, const Labels& filter) const {
  const auto sum = increase(name, filter);
  if (!sum || length() <= Duration::zero()) return std::nullopt;
  return *sum / seconds(length());
}

Distribution Window::observed(std::string_view name, const Labels& filter) const {
  Distribution sum;
  if (before_ == nullptr) return sum;
  for_each_series(now_, name, filter, [&](const Labels& labels, const Series& series) {
    const Series* before = find_before(name, labels);
    if (before == nullptr || !has_grown(*before, series)) return sum.add(series.points, series.sum);
    std::vector<Point> points = series.points;
    for (std::size_t i = 0; i < points.size(); ++i) points[i].count -= before->points[i].count;
    sum.add(points, series.sum - before->sum);
  });
  return sum;
}

std::optional<Labels> Window::labels(std::string_view name, const Labels& filter) const {
  std::optional<Labels> first;
  for_each_series(now_, name, filter, [&](const Labels& labels, const Series&) {
    if (!first) first = labels;
  });
  return first;
}

std::set<std::string> Window::label_values(std::string_view name, std::string_view label, const Labels& filter) const {
  std::set<std::string> values;
  for_each_series(now_, name, filter, [&](const Labels& labels, const Series&) {
    const auto found = labels.find(label);
    if (found != labels.end() && values.size() < kLabelValuesMax) values.insert(found->second);
  });
  return values;
}

// ---- History --------------------------------------------------------------------------------------------------------

void History::add(Scrape scrape) {
  scrapes_.push_back(std::move(scrape));
  const TimePoint start = scrapes_.back().taken - length_;
  while (scrapes_.size() > 2 && (scrapes_[1].taken <= start || scrapes_.size() > kScrapesMax)) scrapes_.pop_front();
}

Window History::window() const {
  SLUICE_CHECK(!scrapes_.empty());
  return {scrapes_.size() > 1 ? &scrapes_.front() : nullptr, scrapes_.back()};
}

}  // namespace sluice::top
