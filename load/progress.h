// The line that is shown while a run goes on: totals, and rates since the last line.
//
// Owns: the totals of the last line. Confined: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "load/outcomes.h"

namespace sluice::load {

class ProgressLine {
 public:
  // "12 s: offered 240 (20/s), in flight 14, finished 220 (18/s), refused 4, failed 2, tokens 612/s". `elapsed`: since
  // the start.
  std::string next(const Outcomes& outcomes, std::size_t in_flight, Duration elapsed);

 private:
  Duration last_{};
  std::uint64_t offered_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t tokens_ = 0;
};

}  // namespace sluice::load
