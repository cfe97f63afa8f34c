#include "pipeline/trace/span_list.h"

namespace sluice {

std::uint64_t us_between(TimePoint from, TimePoint to) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return us > 0 ? static_cast<std::uint64_t>(us) : 0;
}

void SpanList::add(TraceSpan span, TimePoint start, TimePoint end) {
  if (trace_.spans.size() >= spans_max_) {
    ++trace_.num_dropped;
    return;
  }
  span.start_us = us_between(origin_, start);
  const std::uint64_t end_us = us_between(origin_, end);
  span.duration_us = end_us > span.start_us ? end_us - span.start_us : 0;
  trace_.spans.push_back(span);
}

}  // namespace sluice
