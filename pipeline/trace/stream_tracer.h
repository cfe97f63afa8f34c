// What the responder notes of a traced stream: when tokens came and went. At the end it makes the whole time line, from
// the opening of the stream to the terminal message.
//
// The batcher's spans count from its receipt of the sequence, on a clock that is not read here: that receipt is placed
// so that both time lines end together, at the StreamEnd. What is left before it, less the tokenizer's time, was
// waiting in front of the tokenizer.
//
// Confined:  to the responder actor, inside its StreamTable.
// Bound:     kSendSpansMax spans; those that the batcher gave come to them, up to kTraceSpansMax.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/messages/pipeline.h"
#include "pipeline/trace/span_list.h"

namespace sluice {

class StreamTracer {
 public:
  static constexpr std::size_t kSendSpansMax = 1000;

  explicit StreamTracer(TimePoint opened) : sends_(opened, kSendSpansMax) {}

  // How many tokens the output has, and how many of them were sent to nobody yet. After each change of either.
  void note(std::uint64_t num_tokens, std::uint64_t backlog_tokens, TimePoint now);
  // Makes the batcher's trace that of the request. Once.
  void complete(StreamEnd& end, TimePoint now);

 private:
  void close_send(std::uint64_t num_tokens, TimePoint now);

  SpanList sends_;
  std::uint64_t num_tokens_ = 0;
  std::uint64_t sent_tokens_ = 0;  // Told in a span.
  std::optional<TimePoint> unsent_since_;
};

}  // namespace sluice
