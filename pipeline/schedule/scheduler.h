// Decides what the pipeline computes next: continuous batching of sequences into micro-batches of entries.
//
// A pure state machine: messages and the time go in, batches and outputs come out; no thread, socket or clock of its
// own. The batcher actor drives it:   start/cancel/stop/pause/complete/expire ... ; while (plan()) send;
// take_outputs().
//
// Owns:       every sequence from start() to its StreamEnd (and to the return of its last step in flight), the block
//             pool and the block tables, the steps in flight.
// Confined:   to the batcher; not thread-safe.
// Errors:     what is wrong with one sequence becomes its StreamEnd. What a peer may not send comes back as
//             kProtocolViolation and changes nothing.
// Invariants: exactly one StreamEnd per accepted start(), after all of its tokens, and StreamTokens in order without
//             gap or repetition, whatever is preempted; blocks are conserved (free + used + cached), a block that a
//             step in flight writes is in no other sequence's table, and a shared block is never written; at most
//             pipeline_depth steps in flight; while any sequence is neither ended nor paused, plan() gives a batch or a
//             step is in flight (check_invariants(), simulation_test.cpp).
//
// What a stage has to know (see also StageBatch in base/messages/pipeline.h):
// - Every batch has 1 or more entries and is answered by exactly one StepResult, also where nothing is sampled.
//   Results come back in the order of the batches.
// - StepResult.samples are those of the entries with wants_sample, in the order of the entries; prompt_logprobs those
//   of the entries with wants_prompt_logprobs, in their order: entry [first, first + n) of a prompt of P tokens gives
//   first_position = first + 1 and the values of positions first + 1 ... min(first + n, P - 1), at least one.
// - An entry's sequence occurs once per batch. Its next prompt chunk may come in the next batch already.
// - `opened` comes with the first entry of a sequence, also of one that is open (preempted): it starts over. That entry
//   is at position 0, or behind `history`: tokens whose keys and values are in blocks of the table already.
// - `closed` rides on the next batch there is; no batch is sent for it alone. Ids in it are never opened again.
// - A new epoch starts with stages that know no sequence; its steps count from 1.
//
// How it decides, in plan():
// - Decodes first, the longest not scheduled first; then prompt chunks, in rank order, in what max_batch_tokens leaves.
// - Rank is arrival, moved forward by ageing_ms for each level of priority, and stays what it is while a sequence
//   waits, runs and waits again. So a larger priority goes first, unless the other has waited that much longer. The
//   waiting sequence of the highest rank that is not paused is admitted when its whole prompt and one more token find
//   free, cached or shared blocks; nobody is admitted before it.
// - One micro-batch takes its share of the decodes and of the prompt tokens, in tokens a pipeline_depth'th of the work
//   (micro_batch_share.h). So every slot of the pipeline gets its part, instead of one batch taking all and the other
//   stages idling behind it; and a long prompt delays no decode by more than a chunk.
// - A running sequence that finds no free block preempts the one of the lowest rank, which may be itself; paused
//   sequences go before all others. A waiting sequence preempts too: paused ones, else those of both lower rank and
//   lower priority, the last first, if it fits without them. Never its equals, so that no two preempt each other. The
//   preempted one computes prompt and output so far anew when admitted again.
// - A full block is shared as soon as it is computed, with all sequences of its tenant that begin with the same tokens
//   (pipeline/kv_cache/block_pool.h), and stays cached when its last user is gone, until its space is needed. Whoever
//   wants log-probabilities of the prompt computes all of it.
// - A sequence that the cache cannot hold even alone fails with kOutOfBlocks as soon as that is known.
//
// Be paranoid about adding lines here and in scheduler.cpp: a rule belongs to one of the collaborators it includes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/messages/pipeline.h"
#include "pipeline/kv_cache/block_pool.h"
#include "pipeline/schedule/batch_builder.h"
#include "pipeline/schedule/deadlines.h"
#include "pipeline/schedule/micro_batch_share.h"
#include "pipeline/schedule/running_set.h"
#include "pipeline/schedule/schedule_counts.h"
#include "pipeline/schedule/scheduler_config.h"
#include "pipeline/schedule/sequence.h"
#include "pipeline/schedule/steps_in_flight.h"
#include "pipeline/schedule/waiting_queue.h"

namespace sluice {

// What goes to the responder.
using SchedulerOutput = std::variant<StreamTokens, StreamEnd>;

struct SchedulerStats {
  std::uint32_t waiting = 0;
  std::uint32_t running = 0;
  std::uint32_t draining = 0;  // Ended or preempted, with steps still in flight.
  std::uint32_t steps_in_flight = 0;
  std::uint32_t blocks_free = 0;    // Without contents.
  std::uint32_t blocks_cached = 0;  // Without users; given away when no free one is left.
  std::uint32_t blocks_total = 0;
  std::uint64_t started_total = 0;  // Accepted by start(), refused with a StreamEnd included.
  std::uint64_t ended_total = 0;    // StreamEnds.
  std::uint64_t preempted_total = 0;
  std::uint64_t steps_total = 0;
  std::uint64_t tokens_total = 0;         // Computed: prompt tokens (again after a preemption) and decodes.
  std::uint64_t cached_tokens_total = 0;  // Not computed, because their blocks were there.

  friend bool operator==(const SchedulerStats&, const SchedulerStats&) = default;
};

class Scheduler {
 public:
  Scheduler(SchedulerConfig config, Epoch epoch);

  // A new sequence. A request that cannot be served (limits, blocks, max_waiting) gets a StreamEnd with an Error. The
  // id of a live sequence, or 0, is a kProtocolViolation instead: its StreamEnd would end another's stream.
  Result<void> start(SequenceStart start, TimePoint now);
  // These ignore sequences they do not know: those may have ended.
  void cancel(SequenceId id, TimePoint now);
  void stop(const StreamStop& stop, TimePoint now);
  void pause(const StreamPause& pause);

  // The next micro-batch; nothing if pipeline_depth are in flight or there is nothing to do. Call it until it gives
  // nothing after every change.
  std::optional<StageBatch> plan(TimePoint now);

  // The answer of the last stage to the oldest step in flight. Results of earlier epochs are dropped. On a
  // kProtocolViolation nothing has changed, and the step will never complete: replace the stage and call fail_all().
  Result<void> complete(const StepResult& result, TimePoint now);

  // A stage was lost: every sequence ends with `error`, the cache is empty, `next` (> epoch()) is in force.
  void fail_all(const Error& error, Epoch next, TimePoint now);

  // Ends the sequences whose deadline is at or before `now`. plan() does it too.
  void expire(TimePoint now);
  // When expire() has to be called next; TimePoint::never() without deadlines.
  TimePoint next_deadline() const { return deadlines_.next(); }

  // Everything for the responder since the last call, in order.
  std::vector<SchedulerOutput> take_outputs();

  Epoch epoch() const { return epoch_; }
  SchedulerStats stats() const;
  const ScheduleCounts& counts() const { return counts_; }
  std::uint32_t num_paused() const;  // Of those that wait or run.
  // Whether no sequence is live and nothing is in flight.
  bool is_idle() const { return sequences_.empty(); }
  void check_invariants() const;

 private:
  // -- phases of plan() ---
  void plan_decodes(BatchBuilder& batch, TimePoint now);
  void admit(TimePoint now);
  bool try_run(Sequence& sequence);
  void plan_prefills(BatchBuilder& batch, TimePoint now);
  ScheduledWork scheduled_work() const;
  StageBatch dispatch(BatchBuilder& batch, TimePoint now);

  // -- blocks ---
  bool secure_next_slot(Sequence& sequence, TimePoint now);
  bool reclaim_for(const Sequence& waiting);
  void preempt(Sequence& sequence);
  void share_blocks(const PlannedEntry& entry);

  // -- life of a sequence ---
  Sequence* find_live(SequenceId id);
  void accept_sample(Sequence& sequence, const Sample& sample, TimePoint now);
  void end(Sequence& sequence, std::variant<FinishReason, Error> outcome, TimePoint now);
  void settle(Sequence& sequence);
  std::uint32_t num_draining() const;

  const SchedulerConfig config_;
  Epoch epoch_;
  BlockPool pool_;
  std::map<SequenceId, std::unique_ptr<Sequence>> sequences_;  // Ordered: fail_all() is deterministic.
  WaitingQueue waiting_;
  RunningSet running_;
  StepsInFlight in_flight_;
  Deadlines deadlines_;
  std::vector<SequenceId> closed_;  // For the next batch.
  std::vector<SchedulerOutput> outputs_;
  std::uint64_t next_arrival_ = 0;
  StepId last_step_{0};
  SchedulerStats totals_;  // Only the ..._total fields are kept here.
  ScheduleCounts counts_;
};

}  // namespace sluice
