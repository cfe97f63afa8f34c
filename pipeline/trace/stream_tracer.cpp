#include "pipeline/trace/stream_tracer.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

// The responder may read the opening of a stream so much later than the batcher had the sequence, and sees that much
// less of it. What is further apart is no lateness.
constexpr std::uint64_t kLateMax_us = 1'000'000;

// How long the request took by what the batcher says; 0 where that is more than `us_max`.
std::uint64_t told_us(const StreamEnd& end, std::uint64_t us_max) {
  if (end.times.tokenize_us > us_max || end.elapsed_us > us_max - end.times.tokenize_us) return 0;
  return end.times.tokenize_us + end.elapsed_us;
}

// Phases of the request, one behind the other, none beyond the end.
class Phases {
 public:
  Phases(std::uint64_t end_us, std::vector<TraceSpan>& spans) : end_us_(end_us), spans_(spans) {}

  void add(TraceKind kind, std::uint64_t duration_us) {
    const std::uint64_t cut_us = std::min(duration_us, end_us_ - at_us_);
    spans_.push_back({.kind = kind, .start_us = at_us_, .duration_us = cut_us});
    at_us_ += cut_us;
  }
  std::uint64_t left_us() const { return end_us_ - at_us_; }

 private:
  const std::uint64_t end_us_;
  std::uint64_t at_us_ = 0;
  std::vector<TraceSpan>& spans_;
};

}  // namespace

void StreamTracer::note(std::uint64_t num_tokens, std::uint64_t backlog_tokens, TimePoint now) {
  if (num_tokens > num_tokens_ && !unsent_since_) unsent_since_ = now;
  num_tokens_ = num_tokens;
  if (backlog_tokens == 0 && unsent_since_) close_send(num_tokens, now);
}

void StreamTracer::close_send(std::uint64_t num_tokens, TimePoint now) {
  const auto tokens = static_cast<std::uint32_t>(num_tokens - std::min(num_tokens, sent_tokens_));
  sends_.add({.kind = TraceKind::kSend, .tokens = tokens}, *unsent_since_, now);
  sent_tokens_ = num_tokens;
  unsent_since_.reset();
}

void StreamTracer::complete(StreamEnd& end, TimePoint now) {
  if (unsent_since_) close_send(num_tokens_, now);
  const std::uint64_t seen_us = us_between(sends_.origin(), now);
  const std::uint64_t end_us = std::max(seen_us, told_us(end, seen_us + kLateMax_us));
  const std::uint64_t batcher_us = end_us - std::min(end_us, end.elapsed_us);  // Its receipt of the sequence.
  const Trace batcher = std::exchange(end.trace, {});
  const Trace sends = sends_.take();

  std::vector<TraceSpan>& spans = end.trace.spans;
  Phases phases(end_us, spans);
  phases.add(TraceKind::kAdmission, batcher_us - std::min(batcher_us, end.times.tokenize_us));
  phases.add(TraceKind::kTokenize, std::min(batcher_us, end.times.tokenize_us));
  phases.add(TraceKind::kQueue, end.times.queue_us);
  phases.add(TraceKind::kPrefill, end.times.prefill_us);
  phases.add(TraceKind::kDecode, end.times.decode_us);
  phases.add(TraceKind::kRespond, phases.left_us());
  for (TraceSpan span : batcher.spans) {
    span.start_us = batcher_us + std::min(span.start_us, end_us - batcher_us);
    span.duration_us = std::min(span.duration_us, end_us - span.start_us);
    spans.push_back(span);
  }
  for (TraceSpan span : sends.spans) {
    span.start_us += end_us - seen_us;
    spans.push_back(span);
  }
  end.trace.num_dropped = batcher.num_dropped + sends.num_dropped;
  if (spans.size() > kTraceSpansMax) {
    end.trace.num_dropped += static_cast<std::uint32_t>(spans.size() - kTraceSpansMax);
    spans.resize(kTraceSpansMax);
  }
}

}  // namespace sluice
