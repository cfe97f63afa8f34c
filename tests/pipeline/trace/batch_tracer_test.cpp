#include "pipeline/trace/batch_tracer.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/random.h"

namespace sluice {
namespace {

using std::chrono::microseconds;

constexpr std::uint64_t kFar = ~std::uint64_t{0};

TimePoint at(std::int64_t us) {
  return {microseconds(us)};
}

SequenceStart start_of(std::uint64_t sequence, std::size_t prompt_tokens, bool is_traced = true) {
  SequenceStart start;
  start.sequence = {sequence};
  start.prompt_ids.resize(prompt_tokens);
  start.spec.trace = is_traced;
  return start;
}

// A micro-batch with `tokens` of the sequence from `position` on, and one of another.
StageBatch batch_of(std::uint64_t step, std::uint64_t sequence, std::uint32_t position, std::uint32_t tokens) {
  StageBatch batch;
  batch.step = {step};
  batch.token_ids.resize(tokens + 1);
  batch.entries.push_back({{999}, 0, 1, true, false, -1, {}});
  batch.entries.push_back({{sequence}, position, tokens, true, false, -1, {}});
  return batch;
}

StepResult result_of(std::uint64_t step, std::vector<StageTime> times) {
  StepResult result;
  result.step = {step};
  result.stage_times = std::move(times);
  return result;
}

StreamEnd end_of(BatchTracer& tracer, std::uint64_t sequence, TimePoint now) {
  StreamEnd end;
  end.sequence = {sequence};
  tracer.end(end, now);
  return end;
}

std::uint64_t end_us(const TraceSpan& span) {
  return span.start_us + span.duration_us;
}

TEST_SUITE("pipeline/trace/batch_tracer") {
  TEST_CASE("a sequence that is not traced marks no batch and gets no spans") {
    BatchTracer tracer;
    tracer.start(start_of(1, 4, false), at(0));
    StageBatch batch = batch_of(1, 1, 0, 4);

    tracer.dispatch(batch, at(1));
    tracer.complete(result_of(1, {{0, 1, 1}}), at(2));
    const StreamEnd end = end_of(tracer, 1, at(3));

    CHECK_FALSE(batch.is_traced);
    CHECK(end.trace == Trace{});
    CHECK(end.elapsed_us == 0);
  }

  TEST_CASE("a step is a span from dispatch to result, with the stages in their order as early as can be") {
    BatchTracer tracer;
    tracer.start(start_of(1, 4), at(1000));
    StageBatch batch = batch_of(7, 1, 0, 4);

    tracer.dispatch(batch, at(1100));
    tracer.complete(result_of(7, {{0, 5, 50}, {1, 6, 60}}), at(1300));
    const StreamEnd end = end_of(tracer, 1, at(1400));

    CHECK(batch.is_traced);
    CHECK(end.elapsed_us == 400);
    CHECK(end.trace.num_dropped == 0);
    CHECK(end.trace.spans == std::vector<TraceSpan>{{TraceKind::kPrefillStep, 0, 4, 5, 7, 100, 200},
                                                    {TraceKind::kReceive, 0, 4, 5, 7, 100, 5},
                                                    {TraceKind::kCompute, 0, 4, 5, 7, 105, 50},
                                                    {TraceKind::kReceive, 1, 4, 5, 7, 155, 6},
                                                    {TraceKind::kCompute, 1, 4, 5, 7, 161, 60}});
  }

  TEST_CASE("prefill and decode are told apart by position, and chunks after a preemption are prefill") {
    BatchTracer tracer;
    tracer.start(start_of(1, 4), at(0));
    const std::vector<std::pair<std::uint32_t, std::uint32_t>> parts = {{0, 3}, {3, 1}, {4, 1}, {3, 2}, {5, 2}};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      StageBatch batch = batch_of(i + 1, 1, parts[i].first, parts[i].second);
      tracer.dispatch(batch, at(0));
      tracer.complete(result_of(i + 1, {}), at(0));
    }

    std::vector<TraceKind> kinds;
    for (const TraceSpan& span : end_of(tracer, 1, at(0)).trace.spans) kinds.push_back(span.kind);

    CHECK(kinds == std::vector<TraceKind>{TraceKind::kPrefillStep, TraceKind::kPrefillStep, TraceKind::kDecodeStep,
                                          TraceKind::kPrefillStep, TraceKind::kPrefillStep});
  }

  TEST_CASE("steps that overlap: a stage's span begins after its last one has ended") {
    BatchTracer tracer;
    tracer.start(start_of(1, 8), at(0));
    StageBatch first = batch_of(1, 1, 0, 4);
    StageBatch second = batch_of(2, 1, 4, 4);

    tracer.dispatch(first, at(0));
    tracer.dispatch(second, at(1));
    tracer.complete(result_of(1, {{0, 0, 50}, {1, 0, 50}}), at(110));
    tracer.complete(result_of(2, {{0, 0, 50}, {1, 0, 50}}), at(170));
    const StreamEnd end = end_of(tracer, 1, at(200));

    REQUIRE(end.trace.spans.size() == 10);
    CHECK(end.trace.spans[7] == TraceSpan{TraceKind::kCompute, 0, 4, 5, 2, 50, 50});
    CHECK(end.trace.spans[9] == TraceSpan{TraceKind::kCompute, 1, 4, 5, 2, 100, 50});
  }

  TEST_CASE("what a stage claims is cut to the step, whatever it is") {
    BatchTracer tracer;
    tracer.start(start_of(1, 4), at(0));
    StageBatch batch = batch_of(1, 1, 0, 4);

    tracer.dispatch(batch, at(10));
    tracer.complete(result_of(1, {{0, kFar, kFar}, {~0u, 1, 1}, {5, 3, kFar}}), at(20));
    const StreamEnd end = end_of(tracer, 1, at(30));

    REQUIRE(end.trace.spans.size() == 5);
    for (const TraceSpan& span : end.trace.spans) {
      CHECK(span.start_us >= 10);
      CHECK(end_us(span) <= 20);
    }
  }

  TEST_CASE("more times than a message may have are not looked at") {
    BatchTracer tracer;
    tracer.start(start_of(1, 4), at(0));
    StageBatch batch = batch_of(1, 1, 0, 4);

    tracer.dispatch(batch, at(10));
    tracer.complete(result_of(1, std::vector<StageTime>(kStageTimesMax + 1)), at(20));

    CHECK(end_of(tracer, 1, at(30)).trace.spans.size() == 1 + 2 * kStageTimesMax);
  }

  TEST_CASE("a sequence that ends with steps in flight gets what has returned, the others still get theirs") {
    BatchTracer tracer;
    tracer.start(start_of(1, 4), at(0));
    tracer.start(start_of(2, 4), at(0));
    StageBatch batch = batch_of(1, 1, 0, 4);
    batch.entries[0].sequence = {2};
    tracer.dispatch(batch, at(1));

    const StreamEnd early = end_of(tracer, 1, at(2));
    tracer.complete(result_of(1, {}), at(3));
    const StreamEnd late = end_of(tracer, 2, at(4));

    CHECK(early.trace == Trace{});
    CHECK(early.elapsed_us == 2);
    CHECK(late.trace.spans == std::vector<TraceSpan>{{TraceKind::kPrefillStep, 0, 1, 5, 1, 1, 2}});
  }

  TEST_CASE("steps of a lost pipeline are forgotten") {
    BatchTracer tracer;
    tracer.start(start_of(1, 4), at(0));
    StageBatch batch = batch_of(1, 1, 0, 4);
    tracer.dispatch(batch, at(1));
    tracer.forget_steps();

    tracer.complete(result_of(1, {}), at(3));

    CHECK(end_of(tracer, 1, at(4)).trace == Trace{});
  }

  TEST_CASE("bounds: spans of a sequence, and sequences with spans at a time, what is beyond is counted") {
    BatchTracer tracer;
    for (std::uint64_t i = 1; i <= BatchTracer::kSequencesMax + 1; ++i) tracer.start(start_of(i, 1), at(0));
    constexpr std::uint64_t kSteps = BatchTracer::kStepSpansMax + 10;
    for (std::uint64_t step = 1; step <= kSteps; ++step) {
      StageBatch batch = batch_of(step, 1, 1, 1);
      batch.entries[0].sequence = {BatchTracer::kSequencesMax + 1};
      tracer.dispatch(batch, at(0));
      tracer.complete(result_of(step, {}), at(0));
    }

    const StreamEnd full = end_of(tracer, 1, at(0));
    const StreamEnd late = end_of(tracer, BatchTracer::kSequencesMax + 1, at(0));

    CHECK(full.trace.spans.size() == BatchTracer::kStepSpansMax);
    CHECK(full.trace.num_dropped == 10);
    CHECK(late.trace.spans.empty());
    CHECK(late.trace.num_dropped == kSteps);
    tracer.start(start_of(100, 1), at(0));
    StageBatch batch = batch_of(kSteps + 1, 100, 0, 1);
    tracer.dispatch(batch, at(0));
    tracer.complete(result_of(kSteps + 1, {}), at(0));
    CHECK(end_of(tracer, 100, at(0)).trace.spans.size() == 1);  // The place of the first is free again.
  }

  TEST_CASE("any schedule of three stages: spans lie in their step, never overlap, and are not later than the truth") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      CAPTURE(seed);
      SplitMix64 random(seed);
      BatchTracer tracer;
      tracer.start(start_of(1, 1), at(0));
      // A pipeline in which every stage takes the steps in order; the truth is in `begun`.
      constexpr std::size_t kStages = 3;
      std::int64_t free[kStages] = {};
      std::int64_t completed = 0;
      std::vector<std::vector<std::int64_t>> begun;
      struct Event {
        std::int64_t us;
        std::uint64_t step;
        bool is_dispatch;
        std::vector<StageTime> times;
      };
      std::vector<Event> events;
      std::int64_t dispatched = 0;
      for (std::uint64_t step = 1; step <= 40; ++step) {
        dispatched += static_cast<std::int64_t>(random.below(30));
        std::int64_t now = dispatched;
        std::vector<StageTime> times;
        std::vector<std::int64_t> truth;
        for (std::size_t stage = 0; stage < kStages; ++stage) {
          now = std::max(now + static_cast<std::int64_t>(random.below(4)), free[stage]);
          truth.push_back(now);
          const std::uint64_t compute_us = random.below(40);
          now += static_cast<std::int64_t>(compute_us);
          free[stage] = now;
          times.push_back({static_cast<std::uint32_t>(stage), 0, compute_us});
        }
        completed = std::max(completed, now + static_cast<std::int64_t>(random.below(4)));
        events.push_back({dispatched, step, true, {}});
        events.push_back({completed, step, false, times});
        begun.push_back(truth);
      }
      std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.us < b.us; });
      for (const Event& event : events) {
        StageBatch batch = batch_of(event.step, 1, 1, 1);
        if (event.is_dispatch) tracer.dispatch(batch, at(event.us));
        if (!event.is_dispatch) tracer.complete(result_of(event.step, event.times), at(event.us));
      }

      std::uint64_t last_end[kStages] = {};
      TraceSpan step_span;
      for (const TraceSpan& span : end_of(tracer, 1, at(completed)).trace.spans) {
        if (span.kind == TraceKind::kDecodeStep) step_span = span;
        if (span.kind != TraceKind::kCompute) continue;
        CHECK(span.step == step_span.step);
        CHECK(span.start_us >= std::max(step_span.start_us, last_end[span.stage]));
        CHECK(end_us(span) <= end_us(step_span));
        CHECK(static_cast<std::int64_t>(span.start_us) <= begun[span.step - 1][span.stage]);
        last_end[span.stage] = end_us(span);
      }
    }
  }
}

}  // namespace
}  // namespace sluice
