#include "pipeline/trace/batch_tracer.h"

#include <algorithm>
#include <span>
#include <utility>

namespace sluice {
namespace {

// `us` from `start`, at most until `end`.
TimePoint after(TimePoint start, std::uint64_t us, TimePoint end) {
  const std::uint64_t us_max = us_between(start, end);
  return us >= us_max ? end : start + std::chrono::microseconds(us);
}

}  // namespace

void BatchTracer::start(const SequenceStart& start, TimePoint now) {
  if (!start.spec.trace) return;
  const bool has_spans = num_with_spans_ < kSequencesMax;
  const Traced traced{SpanList(now, has_spans ? kStepSpansMax : 0),
                      static_cast<std::uint32_t>(start.prompt_ids.size())};
  if (traced_.emplace(start.sequence, traced).second && has_spans) ++num_with_spans_;
}

void BatchTracer::dispatch(StageBatch& batch, TimePoint now) {
  if (traced_.empty()) return;
  Step step{batch.step, now, static_cast<std::uint32_t>(batch.token_ids.size()), {}};
  for (const BatchEntry& entry : batch.entries) {
    const auto found = traced_.find(entry.sequence);
    if (found == traced_.end()) continue;
    // After a preemption chunks reach into the output.
    const bool is_prefill = entry.first_position < found->second.prompt_tokens || entry.num_tokens > 1;
    step.parts.push_back({entry.sequence, entry.num_tokens, is_prefill});
  }
  if (step.parts.empty()) return;
  batch.is_traced = true;
  steps_.push_back(std::move(step));
}

void BatchTracer::complete(const StepResult& result, TimePoint now) {
  while (!steps_.empty() && steps_.front().step < result.step) steps_.pop_front();
  if (steps_.empty() || steps_.front().step != result.step) return;
  const Step step = std::move(steps_.front());
  steps_.pop_front();
  const std::vector<Placed> stages = place_stages(step, result, now);
  for (const Part& part : step.parts) {
    const auto found = traced_.find(part.sequence);
    if (found == traced_.end()) continue;  // It ended meanwhile.
    TraceSpan span;
    span.kind = part.is_prefill ? TraceKind::kPrefillStep : TraceKind::kDecodeStep;
    span.tokens = part.tokens;
    span.batch_tokens = step.batch_tokens;
    span.step = step.step.value;
    found->second.spans.add(span, step.dispatched, now);
    for (const Placed& placed : stages) {
      span.kind = placed.span.kind;
      span.stage = placed.span.stage;
      found->second.spans.add(span, placed.start, placed.end);
    }
  }
}

std::vector<BatchTracer::Placed> BatchTracer::place_stages(const Step& step, const StepResult& result, TimePoint now) {
  std::vector<Placed> placed;
  TimePoint at = step.dispatched;
  const auto num_times = std::min(result.stage_times.size(), kStageTimesMax);
  for (const StageTime& time : std::span(result.stage_times).first(num_times)) {
    if (time.stage >= kStageTimesMax) continue;
    if (stage_free_.size() <= time.stage) stage_free_.resize(time.stage + 1);
    TimePoint& free = stage_free_[time.stage];
    const TimePoint start = std::min(std::max(at, free), now);
    const TimePoint received = after(start, time.receive_us, now);
    const TimePoint computed = after(received, time.compute_us, now);
    const auto stage = static_cast<std::uint16_t>(time.stage);
    placed.push_back({{.kind = TraceKind::kReceive, .stage = stage}, start, received});
    placed.push_back({{.kind = TraceKind::kCompute, .stage = stage}, received, computed});
    free = computed;
    at = computed;
  }
  return placed;
}

void BatchTracer::end(StreamEnd& end, TimePoint now) {
  const auto found = traced_.find(end.sequence);
  if (found == traced_.end()) return;
  SpanList& spans = found->second.spans;
  end.elapsed_us = us_between(spans.origin(), now);
  if (spans.spans_max() > 0) --num_with_spans_;
  end.trace = spans.take();
  traced_.erase(found);
}

void BatchTracer::forget_steps() {
  steps_.clear();
  stage_free_.clear();
}

}  // namespace sluice
