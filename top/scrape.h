// Scrapes, and what changed between two of them. Pure.
//
// Counters and histograms only grow; one that is smaller than before started over with its process, and has grown by
// what it is now. A series that was not there before has grown by what it is. Rates are per second.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "top/exposition.h"

namespace sluice::top {

struct Scrape {
  Exposition families;
  TimePoint taken;
};

// Observations by bound, as in a histogram's points; empty if nothing is known.
class Distribution {
 public:
  // Adds the observations of another histogram; those of one with other bounds are left out.
  void add(const std::vector<Point>& points, double sum);

  double count() const { return points_.empty() ? 0 : points_.back().count; }
  // Nothing where nothing was observed.
  std::optional<double> mean() const;
  // Like histogram_quantile() of PromQL: within a bucket observations count as spread evenly from the bound below (0
  // for the first), and what is beyond the last finite bound counts as that bound. q in [0, 1].
  std::optional<double> quantile(double q) const;

 private:
  std::vector<Point> points_;
  double sum_ = 0;
};

// From `before`, which may be missing (nothing has a rate then), to `now`. Both must outlive it. A filter selects the
// series that have all of its labels; what is asked for is their sum.
class Window {
 public:
  static constexpr std::size_t kLabelValuesMax = 512;

  Window(const Scrape* before, const Scrape& now) : before_(before), now_(now) {}

  Duration length() const { return before_ == nullptr ? Duration::zero() : now_.taken - before_->taken; }

  // Nothing where there is no such series.
  std::optional<double> value(std::string_view name, const Labels& filter = {}) const;
  std::optional<double> increase(std::string_view name, const Labels& filter = {}) const;
  std::optional<double> rate(std::string_view name, const Labels& filter = {}) const;
  // What histograms observed; empty where there is no such series.
  Distribution observed(std::string_view name, const Labels& filter = {}) const;
  // All labels of the first series.
  std::optional<Labels> labels(std::string_view name, const Labels& filter = {}) const;
  // The values of a label, the first kLabelValuesMax: an engine has at most 256 stages, 64 replicas, 5 other actors.
  std::set<std::string> label_values(std::string_view name, std::string_view label, const Labels& filter = {}) const;

 private:
  const Series* find_before(std::string_view name, const Labels& labels) const;

  const Scrape* before_;
  const Scrape& now_;
};

// The scrapes of the last while. Owns at most kScrapesMax of them.
class History {
 public:
  static constexpr std::size_t kScrapesMax = 64;

  // `length`: how far back the window reaches, as soon as there are scrapes for it.
  explicit History(Duration length) : length_(length) {}

  void add(Scrape scrape);
  void clear() { scrapes_.clear(); }
  bool is_empty() const { return scrapes_.empty(); }
  // Until the next change. There must be a scrape.
  Window window() const;

 private:
  const Duration length_;
  std::deque<Scrape> scrapes_;
};

}  // namespace sluice::top
