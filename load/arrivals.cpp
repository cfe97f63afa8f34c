#include "load/arrivals.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "base/check.h"

namespace sluice::load {

namespace {

constexpr double kStepSecondsMax = 86400;

// The whole text as one number that is not negative.
std::optional<double> parse_number(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end || !std::isfinite(number) || number < 0) return std::nullopt;
  return number;
}

std::optional<RateStep> parse_step(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto rate = parse_number(text.substr(0, colon));
  const auto seconds = parse_number(text.substr(colon + 1));
  if (!rate || *rate > kRateMax || !seconds || *seconds > kStepSecondsMax) return std::nullopt;
  const RateStep step{*rate, Duration(static_cast<std::int64_t>(*seconds * 1e9))};
  if (step.length <= Duration::zero()) return std::nullopt;
  return step;
}

}  // namespace

Result<std::vector<RateStep>> parse_rate_steps(std::string_view text) {
  std::vector<RateStep> steps;
  for (bool is_last = false; !is_last;) {
    const std::size_t comma = text.find(',');
    is_last = comma == std::string_view::npos;
    const std::string_view piece = text.substr(0, comma);
    const auto step = parse_step(piece);
    if (!step) {
      return Error{ErrorCode::kInvalidConfig, "a step is RATE:SECONDS with a rate of 0 to 1000000 requests/s, not '" +
                                                  std::string(piece.substr(0, 64)) + "'"};
    }
    if (steps.size() == kStepsMax) {
      return Error{ErrorCode::kInvalidConfig, "more than " + std::to_string(kStepsMax) + " steps"};
    }
    steps.push_back(*step);
    if (!is_last) text.remove_prefix(comma + 1);
  }
  return steps;
}

Arrivals Arrivals::poisson(std::vector<RateStep> steps, std::uint64_t seed) {
  return Arrivals(std::move(steps), {}, seed);
}

Arrivals Arrivals::recorded(std::vector<Duration> times) {
  SLUICE_CHECK(std::is_sorted(times.begin(), times.end()));
  return Arrivals({}, std::move(times), 0);
}

std::optional<Duration> Arrivals::next() {
  if (!steps_.empty()) return next_drawn();
  if (index_ == times_.size()) return std::nullopt;
  return times_[index_++];
}

// A Poisson process of rate r(t) is one of rate 1 in the time that the integral of r(t) measures: what one step does
// not use up of the drawn distance goes on into the next.
std::optional<Duration> Arrivals::next_drawn() {
  if (index_ == steps_.size()) return std::nullopt;
  double distance = -std::log1p(-random_.unit());
  for (; index_ < steps_.size(); ++index_, offset_s_ = 0) {
    const RateStep& step = steps_[index_];
    const double length_s = std::chrono::duration<double>(step.length).count();
    const double left = (length_s - offset_s_) * step.rate;
    if (distance < left) {
      offset_s_ += distance / step.rate;
      const Duration offset(static_cast<std::int64_t>(offset_s_ * 1e9));
      return step_start_ + std::min(offset, step.length);
    }
    distance -= left;
    if (index_ + 1 < steps_.size()) step_start_ += step.length;
  }
  return std::nullopt;
}

}  // namespace sluice::load
