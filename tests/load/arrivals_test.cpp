#include "load/arrivals.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace sluice::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<Duration> all_of(Arrivals arrivals) {
  std::vector<Duration> times;
  while (const auto time = arrivals.next()) times.push_back(*time);
  CHECK_FALSE(arrivals.next().has_value());
  return times;
}

std::size_t count_between(const std::vector<Duration>& times, Duration from, Duration to) {
  std::size_t count = 0;
  for (const Duration time : times) count += time >= from && time < to ? 1 : 0;
  return count;
}

TEST_SUITE("load/arrivals") {
  TEST_CASE("the same seed gives the same times, another one does not") {
    const std::vector<RateStep> steps = {{50, seconds(4)}, {200, seconds(2)}};
    const auto first = all_of(Arrivals::poisson(steps, 1));
    CHECK(first == all_of(Arrivals::poisson(steps, 1)));
    CHECK(first != all_of(Arrivals::poisson(steps, 2)));
  }

  TEST_CASE("Poisson: the mean and the spread of the gaps are those of the rate") {
    const auto times = all_of(Arrivals::poisson({{1000, seconds(20)}}, 3));
    // 20,000 expected with a standard deviation of 141; the seed is fixed, so this is no gamble.
    CHECK(times.size() > 19500);
    CHECK(times.size() < 20500);
    CHECK(std::is_sorted(times.begin(), times.end()));
    std::size_t longer_than_mean = 0;
    for (std::size_t i = 1; i < times.size(); ++i)
      longer_than_mean += times[i] - times[i - 1] > milliseconds(1) ? 1 : 0;
    const double share = static_cast<double>(longer_than_mean) / static_cast<double>(times.size());
    CHECK(share > 0.35);  // 1/e = 0.368
    CHECK(share < 0.39);
  }

  TEST_CASE("steps: each has its own rate, a rate of 0 is a pause") {
    const auto times = all_of(Arrivals::poisson({{100, seconds(10)}, {0, seconds(5)}, {1000, seconds(10)}}, 4));
    const std::size_t slow = count_between(times, seconds(0), seconds(10));
    const std::size_t fast = count_between(times, seconds(15), seconds(25));
    CHECK(slow > 900);
    CHECK(slow < 1100);
    CHECK(count_between(times, seconds(10), seconds(15)) == 0);
    CHECK(fast > 9700);
    CHECK(fast < 10300);
    CHECK(slow + fast == times.size());
  }

  TEST_CASE("an endless step goes on") {
    Arrivals arrivals = Arrivals::poisson({{1e6, Duration::max()}}, 5);
    Duration last{};
    for (int i = 0; i < 10000; ++i) {
      const auto time = arrivals.next();
      REQUIRE(time.has_value());
      REQUIRE(*time >= last);
      last = *time;
    }
    CHECK(last > milliseconds(9));
    CHECK(last < milliseconds(11));
  }

  TEST_CASE("no rate at all: nothing arrives") {
    CHECK(all_of(Arrivals::poisson({{0, seconds(5)}}, 1)).empty());
    CHECK(all_of(Arrivals::recorded({})).empty());
  }

  TEST_CASE("recorded times come as they are") {
    const std::vector<Duration> times = {seconds(0), seconds(0), milliseconds(1500)};
    CHECK(all_of(Arrivals::recorded(times)) == times);
  }

  TEST_CASE("steps are read from RATE:SECONDS with commas between") {
    const auto steps = parse_rate_steps("20:5,200:0.5,0:1");
    REQUIRE(steps.ok());
    CHECK(*steps == std::vector<RateStep>{{20, seconds(5)}, {200, milliseconds(500)}, {0, seconds(1)}});
    for (const char* bad : {"", "20", "20:", ":5", "20:5,", "20:5;30:1", "-1:5", "20:0", "20:-1", "2e6:5", "nan:1",
                            "1:inf", "20:5 ", "1:90000"}) {
      CAPTURE(bad);
      const auto refused = parse_rate_steps(bad);
      REQUIRE_FALSE(refused.ok());
      CHECK(refused.error().code == ErrorCode::kInvalidConfig);
    }
    std::string many = "1:1";
    for (std::size_t i = 1; i < kStepsMax; ++i) many += ",1:1";
    CHECK(parse_rate_steps(many).ok());
    CHECK_FALSE(parse_rate_steps(many + ",1:1").ok());
  }
}

}  // namespace
}  // namespace sluice::load
