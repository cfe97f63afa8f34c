// What the batcher notes of traced sequences: the micro-batches they are in, from dispatch to result, and within each
// the stages. It stands beside the scheduler, and sees what passes: what is planned does not depend on it.
//
// Where a stage's time is placed: as early as the order of things allows, after the dispatch, after the stage before it
// in the same step, and after what the stage did for earlier traced steps. The true times obey the same order. So a
// placed span is never later than the true one, lies within its step, and overlaps no other of its stage; what is left
// of a step is time in links and behind micro-batches that are not traced.
//
// Owns:      the spans of traced sequences from start() to end(), the traced steps in flight.
// Confined:  to the batcher actor.
// Errors:    what stages report is theirs to say: it is cut to the step that it is about.
// Bound:     kStepSpansMax spans of one sequence; kSequencesMax sequences at a time have any, the others are counted.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/messages/pipeline.h"
#include "pipeline/trace/span_list.h"

namespace sluice {

class BatchTracer {
 public:
  static constexpr std::size_t kStepSpansMax = 3072;  // StreamTracer's come to these: together below kTraceSpansMax.
  static constexpr std::size_t kSequencesMax = 16;

  // Each is next to nothing while no sequence is traced.
  void start(const SequenceStart& start, TimePoint now);
  // Marks the batch as traced if one of its sequences is.
  void dispatch(StageBatch& batch, TimePoint now);
  void complete(const StepResult& result, TimePoint now);
  // Gives the spans to the sequence's last message.
  void end(StreamEnd& end, TimePoint now);
  // The pipeline is lost: steps in flight do not return.
  void forget_steps();

 private:
  struct Traced {
    SpanList spans;
    std::uint32_t prompt_tokens = 0;
  };
  struct Part {
    SequenceId sequence;
    std::uint32_t tokens = 0;
    bool is_prefill = false;
  };
  struct Step {
    StepId step;
    TimePoint dispatched;
    std::uint32_t batch_tokens = 0;
    std::vector<Part> parts;  // Of traced sequences.
  };
  struct Placed {
    TraceSpan span;
    TimePoint start;
    TimePoint end;
  };

  std::vector<Placed> place_stages(const Step& step, const StepResult& result, TimePoint now);

  std::map<SequenceId, Traced> traced_;
  std::size_t num_with_spans_ = 0;
  std::deque<Step> steps_;
  std::vector<TimePoint> stage_free_;  // By stage: the end of its last placed span.
};

}  // namespace sluice
