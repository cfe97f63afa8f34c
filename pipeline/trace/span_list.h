// The spans of one trace in the making: whole microseconds since an origin, up to a limit, counted beyond.
//
// Both ends of a span are rounded down alike, so that spans that touch still do, and one within another stays there.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/messages/client.h"

namespace sluice {

// Microseconds from `from` to `to`, rounded down; 0 if `to` is earlier.
std::uint64_t us_between(TimePoint from, TimePoint to);

class SpanList {
 public:
  SpanList(TimePoint origin, std::size_t spans_max) : origin_(origin), spans_max_(spans_max) {}

  // Fills in start and duration: [start, end], not before the origin.
  void add(TraceSpan span, TimePoint start, TimePoint end);

  TimePoint origin() const { return origin_; }
  std::size_t spans_max() const { return spans_max_; }
  Trace take() { return std::move(trace_); }

 private:
  TimePoint origin_;
  std::size_t spans_max_;
  Trace trace_;
};

}  // namespace sluice
