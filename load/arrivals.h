// When requests arrive, decided before the engine has any say: the open loop. Times are offsets from the run's start.
//
// Poisson arrivals whose rate is a step function of time, or times from a recording. The same seed gives the same
// times. A closed loop has no such times: load/load_run.h draws its requests from the ends of earlier ones. Owns: the
// steps or times, and the generator. Confined: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

namespace sluice::load {

struct RateStep {
  double rate = 0;    // Requests per second; 0: a pause.
  Duration length{};  // The last step of a list may be Duration::max().

  friend bool operator==(const RateStep&, const RateStep&) = default;
};

inline constexpr double kRateMax = 1e6;
inline constexpr std::size_t kStepsMax = 1000;

// "20:5,200:10.5,20:5" is 20 requests/s for 5 s, then 200 for 10.5 s, and so on. kInvalidConfig: anything else, rates
// beyond kRateMax, lengths that are not above 0 s and at most a day, more than kStepsMax steps.
Result<std::vector<RateStep>> parse_rate_steps(std::string_view text);

class Arrivals {
 public:
  // Ends with the last step.
  static Arrivals poisson(std::vector<RateStep> steps, std::uint64_t seed);
  // `times` do not decrease.
  static Arrivals recorded(std::vector<Duration> times);

  // The time of the next arrival, never before the last one; none after the end, and then never again.
  std::optional<Duration> next();

 private:
  Arrivals(std::vector<RateStep> steps, std::vector<Duration> times, std::uint64_t seed)
      : steps_(std::move(steps)), times_(std::move(times)), random_(seed) {}
  std::optional<Duration> next_drawn();

  std::vector<RateStep> steps_;
  std::vector<Duration> times_;
  SplitMix64 random_;
  std::size_t index_ = 0;  // Of the current step or the next time.
  double offset_s_ = 0;    // Of the last arrival, from the start of the current step.
  Duration step_start_{};
};

}  // namespace sluice::load
