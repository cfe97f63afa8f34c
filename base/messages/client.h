// The messages between a client and the engine, as plain values. transport/codec turns them into Cap'n Proto and back,
// docs/PROTOCOL.md describes them for other languages. Everything a client sends is hostile until
// pipeline/request/limits.h has accepted it; the codec only guarantees that it is well-formed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/id.h"

namespace sluice {

inline constexpr std::uint32_t kProtocolVersion = 1;

// 128 random bits that name a session. Whoever has it may attach to the session's requests.
struct SessionToken {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const SessionToken&, const SessionToken&) = default;
};

// ---- client to engine -----------------------------------------------------------------------------------------------

// First message of a connection; answered by Welcome, or by Failed{unsupported_version} with an empty request id.
struct Hello {
  std::uint32_t version_min = kProtocolVersion;
  std::uint32_t version_max = kProtocolVersion;
  std::string client_name;              // For logs; at most 64 bytes.
  std::optional<SessionToken> session;  // Resumes a session; absent: a new one.

  friend bool operator==(const Hello&, const Hello&) = default;
};

struct ChatMessage {
  std::string role;     // "system", "user", "assistant", "tool", ...: is_chat_role().
  std::string content;  // UTF-8
  // A JSON object of what else the chat template sees of the message: tool_calls, tool_call_id, name,
  // reasoning_content, and content where it is null or a list of parts. Empty: nothing.
  std::string fields;

  friend bool operator==(const ChatMessage&, const ChatMessage&) = default;
};

// 1 to 64 letters, digits, "_" and "-". Which of them a chat template takes is its own affair.
bool is_chat_role(std::string_view role);

struct ChatPrompt {
  ChatPrompt() = default;
  ChatPrompt(std::vector<ChatMessage> chat_messages,
             std::string template_variables = {})  // NOLINT: a chat is a prompt.
      : messages(std::move(chat_messages)), variables(std::move(template_variables)) {}

  std::size_t size() const { return messages.size(); }  // As of the other kinds of prompts.

  std::vector<ChatMessage> messages;
  // A JSON object of what else the chat template sees: tools, documents, and variables of its own such as
  // enable_thinking. Empty: nothing.
  std::string variables;

  friend bool operator==(const ChatPrompt&, const ChatPrompt&) = default;
};

using Prompt = std::variant<std::string, std::vector<TokenId>, ChatPrompt>;

struct LogitBias {
  TokenId token = 0;
  float bias = 0;  // Added to the logit before anything else; -100 to 100.

  friend bool operator==(const LogitBias&, const LogitBias&) = default;
};

// How the next token is chosen from the logits. Steps, in this order: bias, repetition penalty, presence and frequency
// penalty, (temperature 0: the largest logit, lowest id on a tie), temperature, top_k, top_p, min_p, draw.
struct SamplingParams {
  float temperature = 1.0f;         // 0 to 100; 0 is greedy.
  std::uint32_t top_k = 0;          // Keep the k largest; 0 keeps all.
  float top_p = 1.0f;               // (0, 1]; keep the smallest set of at least this probability.
  float min_p = 0.0f;               // [0, 1]; drop what is below min_p times the largest probability.
  float repetition_penalty = 1.0f;  // (0, 100]; divides positive, multiplies negative logits of tokens seen so far.
  float presence_penalty = 0.0f;    // -2 to 2; subtracted once from logits of tokens seen in the output.
  float frequency_penalty = 0.0f;   // -2 to 2; subtracted once per occurrence in the output.
  std::uint32_t choice = 0;         // Which of several continuations of one seed.
  std::vector<LogitBias> logit_bias;

  friend bool operator==(const SamplingParams&, const SamplingParams&) = default;
};

// What is reported of the logits beside the tokens.
struct LogprobOptions {
  bool output = false;    // The log-probability of each output token (of the unmodified logits).
  std::uint32_t top = 0;  // Besides, the `top` most likely tokens at each output position; at most 20.
  bool prompt = false;    // The log-probability of each prompt token after the first, in Finished.
  bool digest = false;    // XXH3-64 of the f32 logits behind each output token, to compare bits between engines.

  friend bool operator==(const LogprobOptions&, const LogprobOptions&) = default;
};

// Asks for a continuation. Answered by Accepted, Tokens..., and exactly one Finished or Failed.
struct Generate {
  std::string request_id;  // Chosen by the client, unique in its session; 1 to 64 bytes.
  Prompt prompt;
  bool add_special_tokens = true;          // Text only: what the tokenizer's post-processor adds (begin-of-text).
  bool parse_special_tokens = false;       // Text and chat contents: whether "<|user|>" in them is a control token.
  std::optional<SamplingParams> sampling;  // Absent: the model's generation_config.json.
  std::optional<std::uint64_t> seed;       // Absent: drawn by the ingress and reported in Accepted.
  std::uint32_t max_tokens = 256;          // 1 or more; cut to what the context has left.
  std::vector<std::string> stop;           // At most 16 strings of 1 to 256 bytes; a match is not part of the output.
  std::vector<TokenId> stop_token_ids;     // At most 16; the token ends the output and is not part of its text.
  bool ignore_eos = false;
  LogprobOptions logprobs;
  std::uint32_t deadline_ms = 0;      // Time left for the whole request; 0: none.
  std::int32_t priority = 0;          // -100 to 100; larger goes first.
  std::string tenant;                 // At most 64 bytes; KV blocks are reused within it only. No quotas yet.
  std::uint32_t resume_grace_ms = 0;  // How long the request outlives its last client.
  std::uint64_t credit_tokens = 0;    // First Credit; 0: the window in Welcome.
  bool trace = false;                 // Finished.trace says where the time went.

  friend bool operator==(const Generate&, const Generate&) = default;
};

// Joins a running or recently finished request of the session, also from another connection.
// Answered by Accepted, Tokens from `from_index`, and the request's one terminal message; or by Failed{not_found}.
struct Attach {
  SessionToken session;
  std::string request_id;
  std::uint64_t from_index = 0;     // First output token wanted.
  std::uint64_t credit_tokens = 0;  // As in Generate, counted from the request's first output token.

  friend bool operator==(const Attach&, const Attach&) = default;
};

// Ends a request early; its terminal message is Finished{cancelled}. Unknown ids are ignored: it may have just ended.
struct Cancel {
  std::string request_id;

  friend bool operator==(const Cancel&, const Cancel&) = default;
};

// Grants: the client takes output tokens with an index below `up_to_index`. Cumulative: a smaller one changes nothing.
struct Credit {
  std::string request_id;
  std::uint64_t up_to_index = 0;

  friend bool operator==(const Credit&, const Credit&) = default;
};

using ClientMessage = std::variant<Hello, Generate, Attach, Cancel, Credit>;

// ---- engine to client -----------------------------------------------------------------------------------------------

struct Welcome {
  std::uint32_t version = kProtocolVersion;
  SessionToken session;
  std::string model;                       // Name of the model directory.
  std::uint32_t max_requests = 0;          // Admission credits of the engine.
  std::uint32_t context_tokens = 0;        // Prompt and output together.
  std::uint32_t client_window_tokens = 0;  // Default credit, and how far the engine computes ahead of a silent client.
  std::uint32_t message_bytes_max = 0;     // Larger messages of a client are refused.
  SamplingParams sampling_defaults;        // What an absent Generate.sampling means.
  std::uint32_t vocabulary_tokens = 0;     // Token ids are below it. 0: the engine does not say.

  friend bool operator==(const Welcome&, const Welcome&) = default;
};

struct Accepted {
  std::string request_id;
  std::uint64_t seed = 0;  // In force: repeat it for the same tokens.

  friend bool operator==(const Accepted&, const Accepted&) = default;
};

struct TopLogprob {
  TokenId token = 0;
  float logprob = 0;  // Natural logarithm.

  friend bool operator==(const TopLogprob&, const TopLogprob&) = default;
};

struct TokenLogprobs {
  float logprob = 0;
  std::vector<TopLogprob> top;  // Most likely first.
  std::uint64_t digest = 0;     // 0 unless asked for.

  friend bool operator==(const TokenLogprobs&, const TokenLogprobs&) = default;
};

// A piece of output. The text may lag behind the ids: what could still become a stop string or a UTF-8 character waits.
struct Tokens {
  std::string request_id;
  std::uint64_t first_index = 0;  // Of token_ids[0], counted over the whole output.
  std::vector<TokenId> token_ids;
  std::string text;                     // Whole UTF-8 characters, appended to all text before.
  std::vector<TokenLogprobs> logprobs;  // Empty, or one per token.

  friend bool operator==(const Tokens&, const Tokens&) = default;
};

enum class FinishReason : std::uint8_t { kStop = 0, kLength = 1, kCancelled = 2, kDeadline = 3 };
std::string_view to_string(FinishReason reason);

struct Usage {
  std::uint32_t prompt_tokens = 0;
  std::uint32_t output_tokens = 0;  // Without tokens that overran a stop string or were dropped.
  std::uint32_t cached_tokens = 0;  // Prompt tokens taken from the prefix cache.

  friend bool operator==(const Usage&, const Usage&) = default;
};

// Where the time went, in microseconds. The sum is at most the time from Generate to the terminal message.
struct PhaseTimes {
  std::uint64_t tokenize_us = 0;  // From admission to the end of tokenization.
  std::uint64_t queue_us = 0;     // Waiting for the first place in a batch.
  std::uint64_t prefill_us = 0;   // From then to the first output token.
  std::uint64_t decode_us = 0;    // From then to the last output token.

  friend bool operator==(const PhaseTimes&, const PhaseTimes&) = default;
};

// What a span of a trace is about, and so on which track it lies (docs/TRACES.md).
enum class TraceKind : std::uint8_t {
  kOther = 0,        // Of a kind that this version does not know.
  kAdmission = 1,    // Request: waiting in front of the tokenizer.
  kTokenize = 2,     // Request.
  kQueue = 3,        // Request: from the batcher's receipt to the first place in a batch.
  kPrefill = 4,      // Request: from then to the first sample.
  kDecode = 5,       // Request: from then to the last token.
  kRespond = 6,      // Request: from then to the terminal message.
  kPrefillStep = 7,  // Batcher: a micro-batch with prompt tokens of the request, from dispatch to result.
  kDecodeStep = 8,   // Batcher: one with its last token.
  kReceive = 9,      // Stage: reading a micro-batch.
  kCompute = 10,     // Stage: its layers.
  kSend = 11,        // Responder: tokens from their arrival until all are on their way to a client.
};
std::string_view to_string(TraceKind kind);

struct TraceSpan {
  TraceKind kind = TraceKind::kOther;
  std::uint16_t stage = 0;         // Stage spans: which.
  std::uint32_t tokens = 0;        // Of the request: in the micro-batch, or sent.
  std::uint32_t batch_tokens = 0;  // Of all requests in the micro-batch.
  std::uint64_t step = 0;          // Number of the micro-batch; 0: none.
  std::uint64_t start_us = 0;      // Since admission.
  std::uint64_t duration_us = 0;

  friend bool operator==(const TraceSpan&, const TraceSpan&) = default;
};

inline constexpr std::size_t kTraceSpansMax = 4096;  // Of one request.

// Of each kind the spans are in the order of their starts.
struct Trace {
  std::vector<TraceSpan> spans;   // Empty unless asked for.
  std::uint32_t num_dropped = 0;  // Beyond the limits.

  friend bool operator==(const Trace&, const Trace&) = default;
};

struct Finished {
  std::string request_id;
  FinishReason reason = FinishReason::kStop;
  Usage usage;
  PhaseTimes times;
  std::vector<float> prompt_logprobs;  // Of prompt tokens 1, 2, ...; empty unless asked for.
  Trace trace;

  friend bool operator==(const Finished&, const Finished&) = default;
};

// retryable is is_retryable(error.code), spelt out on the wire for clients that do not know the code.
struct Failed {
  std::string request_id;  // Empty where the message that failed had none.
  Error error;

  friend bool operator==(const Failed&, const Failed&) = default;
};

using ServerMessage = std::variant<Welcome, Accepted, Tokens, Finished, Failed>;

}  // namespace sluice
