// How many lines a second a kind of event may have that others can cause at will: refusals, connections. What is beyond
// is counted, and the count gets a line when the second is over.
//
// Confined: to the actor whose events they are. Units: a window is one second from the first event in it.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace sluice {

class LineRate {
 public:
  explicit LineRate(std::uint32_t lines_per_second);

  // Whether the event of `now` gets a line of its own. Else it is counted.
  bool take(TimePoint now);
  // The events counted, once their second is over: they get one line, the first of the next second. Else 0.
  std::uint64_t take_counted(TimePoint now);
  // When take_counted() gives something; never() if nothing is counted.
  TimePoint next_timer() const { return counted_ > 0 ? window_end_ : TimePoint::never(); }

 private:
  const std::uint32_t lines_per_second_;
  TimePoint window_end_{};
  std::uint32_t lines_ = 0;
  std::uint64_t counted_ = 0;
};

}  // namespace sluice
