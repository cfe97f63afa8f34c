// The messages between the engine's own actors, as plain values, in the order of a request's way:
//
//   ingress  -> tokenizer : Submission, SequenceCancel             responder -> ingress : ClientAnswers, StreamReleased
//   tokenizer -> batcher  : SequenceStart, SequenceCancel          ingress -> responder : StreamOpen, StreamAttach,
//   batcher  -> stage 0   : StageBatch                                                    StreamCredit, StreamDetach
//   stage i  -> stage i+1 : StageBatch with hidden states          tokenizer -> responder : StreamEnd
//   rank     -> rank      : PartialResult, within a stage
//   last stage -> batcher : StepResult                             responder -> batcher : StreamStop, StreamPause
//   batcher -> responder  : StepTokens, StreamEnd
//   of several replicas: tokenizer -> router -> batcher as to the one; batcher -> router : SequenceEnded
//
// Cancels take the way of the request itself, so that one never overtakes what it cancels. The batcher alone feeds the
// responder with tokens, so that none arrives after its sequence's end (docs/decisions/0002).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/messages/client.h"

namespace sluice {

// ZeroMQ's routing id of a client's connection: 1 to 255 opaque bytes. Toward the responder the ledger names one
// attachment of that connection in its place (pipeline/request/ledger.h); the responder gives it back as it is.
struct ClientRoute {
  std::string bytes;

  friend auto operator<=>(const ClientRoute&, const ClientRoute&) = default;
};

// ---- ingress to tokenizer to batcher --------------------------------------------------------------------------------

// How a sequence is generated, decided by the ingress; every default is filled in.
struct GenerationSpec {
  SamplingParams sampling;
  std::uint64_t seed = 0;
  std::uint32_t max_tokens = 0;
  std::vector<TokenId> stop_token_ids;
  bool ignore_eos = false;
  LogprobOptions logprobs;
  std::int32_t priority = 0;
  std::string tenant;
  bool trace = false;

  friend bool operator==(const GenerationSpec&, const GenerationSpec&) = default;
};

// Time left until a deadline when the message was sent; the receiver adds it to its own clock.
struct TimeLeft {
  std::optional<std::uint64_t> us;  // Absent: no deadline.

  void spend(std::uint64_t spent_us) {
    if (us) *us -= *us < spent_us ? *us : spent_us;
  }
  bool is_over() const { return us == 0u; }
  // By the clock of whoever received it at `now`. More than a century is none: sums must not overflow.
  TimePoint deadline(TimePoint now) const {
    constexpr std::uint64_t kFarAwayUs = std::uint64_t{100} * 365 * 24 * 3600 * 1'000'000;
    return us && *us < kFarAwayUs ? now + std::chrono::microseconds(*us) : TimePoint::never();
  }

  friend bool operator==(const TimeLeft&, const TimeLeft&) = default;
};

struct Submission {
  SequenceId sequence;
  Prompt prompt;
  bool add_special_tokens = true;
  bool parse_special_tokens = false;
  GenerationSpec spec;
  TimeLeft time_left;
  std::uint64_t age_us = 0;  // Since admission, when sent.

  friend bool operator==(const Submission&, const Submission&) = default;
};

struct SequenceStart {
  SequenceId sequence;
  std::vector<TokenId> prompt_ids;  // 1 or more, each inside the vocabulary; leaves room for 1 token in the context.
  GenerationSpec spec;              // max_tokens already cut to the context.
  TimeLeft time_left;
  std::uint64_t tokenize_us = 0;  // For PhaseTimes.

  friend bool operator==(const SequenceStart&, const SequenceStart&) = default;
};

// Unknown sequences are ignored: they may have ended.
struct SequenceCancel {
  SequenceId sequence;

  friend bool operator==(const SequenceCancel&, const SequenceCancel&) = default;
};

// Batcher to router, with each StreamEnd: what the router needs to know of it.
struct SequenceEnded {
  SequenceId sequence;
  std::uint32_t output_tokens = 0;

  friend bool operator==(const SequenceEnded&, const SequenceEnded&) = default;
};

using TokenizerInput = std::variant<Submission, SequenceCancel>;
using BatcherInput = std::variant<SequenceStart, SequenceCancel>;

// ---- batcher to stages to batcher -----------------------------------------------------------------------------------

// A part of one sequence in a micro-batch: tokens [first_position, first_position + num_tokens).
// Its keys and values go to the slots that block_table gives for those positions, and are read from there.
struct BatchEntry {
  SequenceId sequence;
  std::uint32_t first_position = 0;
  std::uint32_t num_tokens = 0;        // 1 or more.
  bool wants_sample = false;           // Sample a token after the last one: prompt complete, or decode.
  bool wants_prompt_logprobs = false;  // Report log-probabilities of the prompt tokens that follow each of these.
  TokenId next_prompt_token = -1;      // With wants_prompt_logprobs: the prompt token after this chunk, -1 at its end.
  std::vector<BlockId> block_table;  // Blocks of positions 0, block_tokens, 2 * block_tokens, ... up to the last token.

  friend bool operator==(const BatchEntry&, const BatchEntry&) = default;
};

// What the sampling stage needs once, before (or with) the first chunk of a sequence. Opening again starts over.
struct SequenceOpening {
  SequenceId sequence;
  SamplingParams sampling;
  std::uint64_t seed = 0;
  LogprobOptions logprobs;
  std::uint32_t prompt_tokens = 0;  // Tokens at positions below are prompt, the others output.
  std::vector<TokenId> history;     // Tokens at positions before the first chunk's (prefix reuse); else empty.

  friend bool operator==(const SequenceOpening&, const SequenceOpening&) = default;
};

// Bytes that a message carries beside its Cap'n Proto frame, shared and immutable. f32 [rows, columns] row-major.
struct HiddenStates {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::shared_ptr<const void> owner;  // Keeps `values` alive: a ZeroMQ frame, or a buffer of the sender.
  std::span<const float> values;      // rows * columns; may be aligned to 4 bytes only.
};

// How long a stage took for a micro-batch that is traced. Durations only: no clock of another process is read.
struct StageTime {
  std::uint32_t stage = 0;
  std::uint64_t receive_us = 0;  // Reading it.
  std::uint64_t compute_us = 0;  // From then to its output.

  friend bool operator==(const StageTime&, const StageTime&) = default;
};

inline constexpr std::size_t kStageTimesMax = 256;  // In one message.

struct StageBatch {
  Epoch epoch;
  StepId step;
  std::vector<TokenId> token_ids;   // Of all entries, concatenated in their order.
  std::vector<BatchEntry> entries;  // 1 or more; each sequence at most once.
  std::vector<SequenceOpening> opened;
  std::vector<SequenceId> closed;      // Forget these, before looking at the entries. They ride on the next batch.
  HiddenStates hidden;                 // Into the first stage: empty. Else [token_ids.size(), hidden_size].
  bool is_traced = false;              // Each stage adds its time.
  std::vector<StageTime> stage_times;  // Of the stages before.
  // Of the time since the batch before, how long nothing was in flight and nothing was there to run: no fault of the
  // pipeline, so that stages do not count it as bubble.
  std::uint64_t idle_us = 0;
};

// One sampled token.
struct Sample {
  SequenceId sequence;
  std::uint32_t position = 0;  // Of the sampled token in the sequence (the first output: prompt_tokens).
  TokenId token = 0;
  std::optional<TokenLogprobs> logprobs;

  friend bool operator==(const Sample&, const Sample&) = default;
};

struct PromptLogprobs {
  SequenceId sequence;
  std::uint32_t first_position = 0;  // Of values[0]: the log-probability of the prompt token at that position.
  std::vector<float> values;

  friend bool operator==(const PromptLogprobs&, const PromptLogprobs&) = default;
};

// Answers each StageBatch, in the order of the batches. Exactly one sample for each entry that wants one, and one piece
// of prompt log-probabilities for each entry that wants them, in the order of the entries
// (pipeline/schedule/scheduler.h).
struct StepResult {
  Epoch epoch;
  StepId step;
  std::vector<Sample> samples;
  std::vector<PromptLogprobs> prompt_logprobs;
  std::vector<StageTime> stage_times;  // Of all stages, if the batch was traced.

  friend bool operator==(const StepResult&, const StepResult&) = default;
};

// ---- to and from the responder --------------------------------------------------------------------------------------

// Ingress to responder, before anything else of the sequence is sent anywhere.
struct StreamOpen {
  SequenceId sequence;
  std::string request_id;
  ClientRoute route;
  std::vector<std::string> stop;
  std::vector<TokenId> stop_token_ids;
  std::uint64_t seed = 0;
  std::uint64_t credit_tokens = 0;
  TimeLeft time_left;
  bool trace = false;

  friend bool operator==(const StreamOpen&, const StreamOpen&) = default;
};

struct StreamAttach {
  SequenceId sequence;
  ClientRoute route;
  std::uint64_t from_index = 0;
  std::uint64_t credit_tokens = 0;

  friend bool operator==(const StreamAttach&, const StreamAttach&) = default;
};

struct StreamCredit {
  SequenceId sequence;
  ClientRoute route;
  std::uint64_t up_to_index = 0;

  friend bool operator==(const StreamCredit&, const StreamCredit&) = default;
};

// The route is gone: send nothing more to it. The stream itself goes on.
struct StreamDetach {
  ClientRoute route;

  friend bool operator==(const StreamDetach&, const StreamDetach&) = default;
};

// From each rank of a tensor-parallel stage to each other one: what it puts into an exchange (docs/decisions/0018).
// Exchanges are counted from 1 in each epoch, alike by all ranks.
struct PartialResult {
  Epoch epoch;
  std::uint64_t exchange = 0;
  HiddenStates values;  // In one row.
};

// In StepTokens.
struct StreamTokens {
  SequenceId sequence;
  std::uint64_t first_index = 0;  // Of token_ids[0] in the output.
  std::vector<TokenId> token_ids;
  std::vector<TokenLogprobs> logprobs;  // Empty, or one per token.

  friend bool operator==(const StreamTokens&, const StreamTokens&) = default;
};

// Batcher to responder: what came of one step, in one message, because a message costs more than the tokens in it.
struct StepTokens {
  std::vector<StreamTokens> streams;

  friend bool operator==(const StepTokens&, const StepTokens&) = default;
};

// The last word on a sequence, from the batcher or, where the prompt could not be tokenized, from the tokenizer.
struct StreamEnd {
  SequenceId sequence;
  std::variant<FinishReason, Error> outcome;
  Usage usage;
  PhaseTimes times;
  std::vector<float> prompt_logprobs;
  // Of a traced sequence. The spans are the batcher's and the stages', and start with its receipt.
  Trace trace;
  std::uint64_t elapsed_us = 0;  // From the batcher's receipt to this message.

  friend bool operator==(const StreamEnd&, const StreamEnd&) = default;
};

// Responder to batcher: a stop string matched; the output is its first `output_tokens` tokens. Answered by StreamEnd.
struct StreamStop {
  SequenceId sequence;
  std::uint32_t output_tokens = 0;

  friend bool operator==(const StreamStop&, const StreamStop&) = default;
};

// Responder to batcher: nobody takes the tokens of this sequence; do not schedule it until told otherwise.
struct StreamPause {
  SequenceId sequence;
  bool paused = true;

  friend bool operator==(const StreamPause&, const StreamPause&) = default;
};

// In ClientAnswers: encoded bytes (one ServerMessage) for a client, forwarded as they are.
struct ClientAnswer {
  SequenceId sequence;
  ClientRoute route;
  bool is_terminal = false;  // This attachment's last message.
  std::vector<std::byte> frame;
  bool shows_output = false;  // Tokens, or the Finished of a sequence that was not cancelled.

  friend bool operator==(const ClientAnswer&, const ClientAnswer&) = default;
};

// Responder to ingress: the answers that one input caused, in their order.
struct ClientAnswers {
  std::vector<ClientAnswer> answers;

  friend bool operator==(const ClientAnswers&, const ClientAnswers&) = default;
};

// Responder to ingress: the sequence has ended (its admission credit returns), and whether its result is still kept
// for Attach. A kept one is released by a second message with is_kept false.
struct StreamReleased {
  SequenceId sequence;
  bool is_kept = false;
  std::uint32_t prompt_tokens = 0;  // 0: it ended before it was tokenized.

  friend bool operator==(const StreamReleased&, const StreamReleased&) = default;
};

using ResponderInput = std::variant<StreamOpen, StreamAttach, StreamCredit, StreamDetach, StepTokens, StreamEnd>;
using IngressInput = std::variant<ClientAnswers, StreamReleased>;
using ResponderSignal = std::variant<StreamStop, StreamPause>;

// Every message that can travel on a link between our own actors.
using LinkMessage = std::variant<Submission, SequenceStart, SequenceCancel, StageBatch, StepResult, StreamOpen,
                                 StreamAttach, StreamCredit, StreamDetach, StepTokens, StreamEnd, StreamStop,
                                 StreamPause, ClientAnswers, StreamReleased, PartialResult, SequenceEnded>;

}  // namespace sluice
