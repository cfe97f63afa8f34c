#include "pipeline/trace/stream_tracer.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

using std::chrono::microseconds;

TimePoint at(std::int64_t us) {
  return {microseconds(us)};
}

StreamEnd end_with(PhaseTimes times, std::uint64_t elapsed_us, std::vector<TraceSpan> spans = {}) {
  StreamEnd end;
  end.times = times;
  end.elapsed_us = elapsed_us;
  end.trace.spans = std::move(spans);
  return end;
}

std::vector<TraceSpan> of_kind(const Trace& trace, TraceKind kind) {
  std::vector<TraceSpan> found;
  for (const TraceSpan& span : trace.spans) {
    if (span.kind == kind) found.push_back(span);
  }
  return found;
}

TEST_SUITE("pipeline/trace/stream_tracer") {
  TEST_CASE("the phases of the request lie one behind the other, from opening to end") {
    StreamTracer tracer(at(1000));
    StreamEnd end = end_with({.tokenize_us = 30, .queue_us = 20, .prefill_us = 100, .decode_us = 200}, 350);

    tracer.complete(end, at(1500));

    CHECK(end.trace.spans == std::vector<TraceSpan>{{TraceKind::kAdmission, 0, 0, 0, 0, 0, 120},
                                                    {TraceKind::kTokenize, 0, 0, 0, 0, 120, 30},
                                                    {TraceKind::kQueue, 0, 0, 0, 0, 150, 20},
                                                    {TraceKind::kPrefill, 0, 0, 0, 0, 170, 100},
                                                    {TraceKind::kDecode, 0, 0, 0, 0, 270, 200},
                                                    {TraceKind::kRespond, 0, 0, 0, 0, 470, 30}});
  }

  TEST_CASE("a responder that reads the opening late does not shorten the phases that the batcher has seen") {
    StreamTracer tracer(at(1000));
    tracer.note(1, 1, at(1100));
    StreamEnd end = end_with({.tokenize_us = 30, .queue_us = 20, .prefill_us = 100, .decode_us = 200}, 320);

    tracer.complete(end, at(1300));

    CHECK(of_kind(end.trace, TraceKind::kDecode) == std::vector<TraceSpan>{{TraceKind::kDecode, 0, 0, 0, 0, 150, 200}});
    CHECK(of_kind(end.trace, TraceKind::kRespond) == std::vector<TraceSpan>{{TraceKind::kRespond, 0, 0, 0, 0, 350, 0}});
    CHECK(of_kind(end.trace, TraceKind::kSend) == std::vector<TraceSpan>{{TraceKind::kSend, 0, 1, 0, 0, 150, 200}});
  }

  TEST_CASE("the batcher's spans are placed so that both time lines end together") {
    StreamTracer tracer(at(0));
    StreamEnd end = end_with({}, 80, {{TraceKind::kPrefillStep, 0, 4, 4, 1, 10, 60}});

    tracer.complete(end, at(100));

    CHECK(of_kind(end.trace, TraceKind::kPrefillStep) ==
          std::vector<TraceSpan>{{TraceKind::kPrefillStep, 0, 4, 4, 1, 30, 60}});
  }

  TEST_CASE("numbers that do not fit are cut to the time of the request") {
    constexpr std::uint64_t kFar = ~std::uint64_t{0};
    StreamTracer tracer(at(0));
    StreamEnd end =
        end_with({kFar, kFar, kFar, kFar}, kFar,
                 {{TraceKind::kPrefillStep, 0, 4, 4, 1, kFar, kFar}, {TraceKind::kCompute, 0, 4, 4, 1, 5, kFar}});

    tracer.complete(end, at(100));

    for (const TraceSpan& span : end.trace.spans) {
      CHECK(span.start_us <= 100);
      CHECK(span.duration_us <= 100 - span.start_us);
    }
  }

  TEST_CASE("tokens that go at once are an instant, those that wait are a span until the last of them has gone") {
    StreamTracer tracer(at(0));
    tracer.note(1, 0, at(10));
    tracer.note(3, 2, at(20));
    tracer.note(4, 3, at(30));
    tracer.note(4, 1, at(40));
    tracer.note(4, 0, at(50));
    tracer.note(4, 0, at(60));
    StreamEnd end = end_with({}, 0);

    tracer.complete(end, at(100));

    CHECK(of_kind(end.trace, TraceKind::kSend) ==
          std::vector<TraceSpan>{{TraceKind::kSend, 0, 1, 0, 0, 10, 0}, {TraceKind::kSend, 0, 3, 0, 0, 20, 30}});
  }

  TEST_CASE("tokens that have not gone at the end are a span until then") {
    StreamTracer tracer(at(0));
    tracer.note(2, 2, at(20));
    StreamEnd end = end_with({}, 0);

    tracer.complete(end, at(100));

    CHECK(of_kind(end.trace, TraceKind::kSend) == std::vector<TraceSpan>{{TraceKind::kSend, 0, 2, 0, 0, 20, 80}});
  }

  TEST_CASE("bounds: all spans together stay within the limit, and what is dropped is counted") {
    StreamTracer tracer(at(0));
    for (std::uint64_t i = 1; i <= 5000; ++i) tracer.note(i, 0, at(10));
    StreamEnd end = end_with({}, 0, std::vector<TraceSpan>(kTraceSpansMax));
    end.trace.num_dropped = 1;

    tracer.complete(end, at(100));

    CHECK(end.trace.spans.size() == kTraceSpansMax);
    CHECK(end.trace.num_dropped == 1 + (5000 - StreamTracer::kSendSpansMax) + 6 + StreamTracer::kSendSpansMax);
  }
}

}  // namespace
}  // namespace sluice
