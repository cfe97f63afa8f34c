#include "top/scrape.h"

#include <doctest/doctest.h>

#include "tests/top/samples.h"

namespace sluice::top {
namespace {

using std::chrono::seconds;

TEST_SUITE("top/scrape") {
  TEST_CASE("increases and rates, of one series and of several") {
    const Scrape before = scrape_at(seconds(10), "# TYPE a counter\na{x=\"1\",y=\"1\"} 5\na{x=\"1\",y=\"2\"} 1\n");
    const Scrape now =
        scrape_at(seconds(14), "# TYPE a counter\na{x=\"1\",y=\"1\"} 9\na{x=\"1\",y=\"2\"} 1\na{x=\"2\",y=\"1\"} 7\n");
    const Window window(&before, now);
    CHECK(window.length() == seconds(4));
    CHECK(window.increase("a", {{"x", "1"}}) == 4);
    CHECK(window.rate("a", {{"x", "1"}}) == 1);
    CHECK(window.increase("a", {{"y", "2"}}) == 0);
    CHECK(window.increase("a") == 11);  // The new series has come from nothing.
    CHECK(window.value("a") == 17);
    CHECK(window.label_values("a", "x") == std::set<std::string>{"1", "2"});
    CHECK(window.label_values("a", "x", {{"y", "2"}}) == std::set<std::string>{"1"});
  }

  TEST_CASE("what is not there is no zero") {
    const Scrape now = scrape_at(seconds(1), "# TYPE a counter\na 5\n");
    const Window first(nullptr, now);
    CHECK(first.length() == Duration::zero());
    CHECK(first.value("a") == 5);
    CHECK(first.rate("a") == std::nullopt);
    CHECK(first.observed("a").quantile(0.5) == std::nullopt);
    const Window window(&now, now);
    CHECK(window.increase("a") == 0);
    CHECK(window.rate("a") == std::nullopt);  // No time has passed.
    CHECK(window.value("b") == std::nullopt);
    CHECK(window.increase("b") == std::nullopt);
    CHECK(window.value("a", {{"x", "1"}}) == std::nullopt);
    CHECK(window.label_values("b", "x").empty());
  }

  TEST_CASE("a counter that is smaller started over") {
    const Scrape before = scrape_at(seconds(0), "# TYPE a counter\na 500\n");
    const Scrape now = scrape_at(seconds(2), "# TYPE a counter\na 30\n");
    CHECK(Window(&before, now).rate("a") == 15);
  }

  TEST_CASE("a histogram that is smaller anywhere, or has other buckets, started over") {
    const std::string type = "# TYPE h histogram\n";
    const Scrape before =
        scrape_at(seconds(0), type + "h_count 4\nh_sum 6\nh_bucket{le=\"1\"} 4\nh_bucket{le=\"+Inf\"} 4\n");
    const Scrape smaller =
        scrape_at(seconds(1), type + "h_count 6\nh_sum 30\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 6\n");
    CHECK(Window(&before, smaller).observed("h").count() == 6);
    CHECK(Window(&before, smaller).observed("h").mean() == 5);
    CHECK(Window(&before, smaller).increase("h") == 6);
    const Scrape other =
        scrape_at(seconds(1), type + "h_count 6\nh_sum 30\nh_bucket{le=\"2\"} 5\nh_bucket{le=\"+Inf\"} 6\n");
    CHECK(Window(&before, other).observed("h").count() == 6);
  }

  TEST_CASE("quantiles of what was observed in the window, over several series") {
    const std::string type = "# TYPE h histogram\n";
    const auto text = [&](int low, int high, int beyond) {
      std::string lines = type;
      for (const std::string stage : {"0", "1"}) {
        lines += "h_count{s=\"" + stage + "\"} " + std::to_string(beyond) + "\nh_sum{s=\"" + stage + "\"} 0\n";
        lines += "h_bucket{s=\"" + stage + "\",le=\"1\"} " + std::to_string(low) + "\n";
        lines += "h_bucket{s=\"" + stage + "\",le=\"3\"} " + std::to_string(high) + "\n";
        lines += "h_bucket{s=\"" + stage + "\",le=\"+Inf\"} " + std::to_string(beyond) + "\n";
      }
      return lines;
    };
    const Scrape before = scrape_at(seconds(0), text(100, 100, 100));
    const Scrape now = scrape_at(seconds(1), text(102, 106, 108));  // 2 up to 1, 4 from 1 to 3, 2 beyond.
    const Window window(&before, now);
    for (const Labels& filter : {Labels{}, Labels{{"s", "1"}}}) {
      const Distribution observed = window.observed("h", filter);
      CHECK(observed.count() == (filter.empty() ? 16 : 8));
      CHECK(observed.quantile(0) == 0);
      CHECK(observed.quantile(0.125) == 0.5);
      CHECK(observed.quantile(0.25) == 1);
      CHECK(observed.quantile(0.5) == 2);
      CHECK(observed.quantile(0.75) == 3);
      CHECK(observed.quantile(0.99) == 3);  // As far as buckets tell.
    }
    CHECK(Window(&now, now).observed("h").quantile(0.5) == std::nullopt);
    CHECK(Window(&now, now).observed("h").mean() == std::nullopt);
  }

  TEST_CASE("empty buckets hold no quantile") {
    Distribution observed;
    observed.add({{1, 0}, {2, 0}, {4, 10}, {std::numeric_limits<double>::infinity(), 10}}, 30);
    CHECK(observed.quantile(0) == 2);
    CHECK(observed.quantile(0.5) == 3);
    CHECK(observed.quantile(1) == 4);
    CHECK(observed.mean() == 3);
  }

  TEST_CASE("the window reaches as far back as was asked for, once there are scrapes for it") {
    History history(seconds(5));
    CHECK(history.is_empty());
    for (int i = 0; i <= 7; ++i) {
      history.add(scrape_at(seconds(i), "# TYPE a counter\na " + std::to_string(10 * i) + "\n"));
      CHECK(history.window().length() == seconds(std::min(i, 5)));
      if (i > 0) CHECK(history.window().rate("a") == 10);
    }
    history.add(scrape_at(seconds(60), "# TYPE a counter\na 0\n"));
    CHECK(history.window().length() == seconds(53));
    history.clear();
    CHECK(history.is_empty());
  }

  TEST_CASE("a history holds so many scrapes and no more") {
    History history(seconds(3600));
    for (int i = 0; i < 200; ++i) history.add(scrape_at(seconds(i), ""));
    CHECK(history.window().length() == seconds(History::kScrapesMax - 1));
  }
}

}  // namespace
}  // namespace sluice::top
