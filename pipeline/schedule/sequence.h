// What the scheduler knows of one sequence. Its tokens, by position:
//
//   [0, prompt_tokens)               the client's prompt
//   [prompt_tokens, tokens.size())   output, sampled and sent to the responder
//   [0, blocks.shared_tokens())      keys and values are in blocks that others use as well, or may
//   [0, planned_tokens)              keys and values are in the blocks, or a step in flight writes them
//   [planned_tokens, prefill_tokens) still to prefill; after a preemption this reaches into the output
//   planned_tokens == tokens.size()  all are planned: the sample of the last one is in flight
//
// Phases:   waiting -> running -> ended,  running -> preempted -> waiting,  and any -> ended.
// A preempted or ended sequence with steps in flight is draining: it keeps its blocks, is not scheduled any more, and
// settles when the last of its steps has returned.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/messages/pipeline.h"
#include "pipeline/kv_cache/block_pool.h"
#include "pipeline/kv_cache/block_table.h"
#include "pipeline/schedule/scheduler_config.h"

namespace sluice {

enum class SequencePhase : std::uint8_t {
  kWaiting,    // In the waiting queue: no blocks, nothing in flight.
  kRunning,    // In the running set: holds blocks.
  kPreempted,  // Draining; then waiting again.
  kEnded,      // StreamEnd is given. Draining; then gone.
};

struct Sequence {
  Sequence(SequenceStart start, const SchedulerConfig& config, BlockPool& pool, std::uint64_t arrival_index,
           TimePoint now);

  bool is_prefilling() const { return planned_tokens < prefill_tokens; }
  bool is_decoding() const { return !is_prefilling(); }
  // Whether its next token can be fed: prefilled, and no sample in flight.
  bool is_ready_to_decode() const { return is_decoding() && planned_tokens < num_tokens(); }
  std::uint32_t num_tokens() const { return static_cast<std::uint32_t>(tokens.size()); }
  std::uint32_t output_tokens() const { return num_tokens() - prompt_tokens; }

  // The admission function: tokens that must find free blocks before the sequence is admitted, at first or after a
  // preemption. All that are known and one more, unless it never comes to that one: by its limit, or because the cache
  // cannot hold it (it may still end before).
  std::uint32_t tokens_to_admit() const;

  // The tokens whose keys and values may come from another sequence, when it is admitted. Not the last one: its
  // computation gives the sample. None where each token has to be computed for its log-probability.
  std::span<const TokenId> reusable_tokens(const SchedulerConfig& config) const;

  bool is_end_token(TokenId token, const SchedulerConfig& config) const;

  // How many of the next tokens go into a chunk of at most `budget` tokens. Log-probabilities that are known from
  // before a preemption are not computed again: the chunk ends where they end.
  std::uint32_t chunk_tokens(std::uint32_t budget) const;
  // How many log-probabilities of prompt tokens the chunk [first, first + count) is asked for.
  std::uint32_t prompt_logprobs_of(std::uint32_t first, std::uint32_t count) const;

  // The last word, at `now`.
  StreamEnd make_end(std::variant<FinishReason, Error> outcome, TimePoint now);

  const SequenceId id;
  const std::uint32_t prompt_tokens;
  const std::uint32_t limit_tokens;  // Prompt and output together end here, by max_tokens or the context.
  const std::uint32_t slots_max;     // More positions it never fills: the last token is not fed, the cache has an end.
  const GenerationSpec spec;
  const std::uint64_t arrival;  // Counts starts.
  const std::uint64_t tokenize_us;
  const TimePoint deadline;
  const TimePoint started_at;
  const TimePoint due_at;  // started_at, a time of ageing earlier for each level of priority: the order of service.

  SequencePhase phase = SequencePhase::kWaiting;
  bool is_paused = false;
  bool is_open_at_stages = false;  // Some batch of this epoch has opened it.
  bool needs_opening = false;      // Since it was admitted, none has: the next one does.
  std::vector<TokenId> tokens;
  std::uint32_t planned_tokens = 0;
  std::uint32_t prefill_tokens = 0;  // tokens.size() when it was admitted.
  std::uint32_t cached_tokens = 0;   // Of the prompt, found in the cache when it was admitted first.
  std::uint32_t steps_in_flight = 0;
  std::uint64_t last_step = 0;         // StepId of its latest entry; 0: none yet.
  std::vector<float> prompt_logprobs;  // Of prompt tokens 1, 2, ... as far as known.
  BlockTable blocks;

  std::optional<TimePoint> first_planned_at;
  std::optional<TimePoint> first_sample_at;
  TimePoint last_output_at{};
};

// Strict order of service, which does not change with time: who is due earlier, then who arrived earlier. A level of
// priority is worth ageing_ms of waiting, so that nobody is overtaken for ever.
struct RankBefore {
  bool operator()(const Sequence* a, const Sequence* b) const {
    if (a->due_at != b->due_at) return a->due_at < b->due_at;
    return a->arrival < b->arrival;
  }
};

// Why `start` cannot be served by an engine of these limits; nothing if it can.
std::optional<Error> find_start_error(const SequenceStart& start, const SchedulerConfig& config);

}  // namespace sluice
