#include "transport/codec/wire_values.h"

#include <algorithm>

namespace sluice::transport::codec {

namespace {

void write_chat_message(const ChatMessage& message, wire::ChatMessage::Builder builder) {
  builder.setRole(as_text(message.role));
  builder.setContent(as_text(message.content));
  if (!message.fields.empty()) builder.setFields(as_text(message.fields));
}

ChatMessage read_chat_message(const wire::ChatMessage::Reader& reader, Reading&) {
  return {read_text(reader.getRole()), read_text(reader.getContent()), read_text(reader.getFields())};
}

void write_logit_bias(const LogitBias& bias, wire::LogitBias::Builder builder) {
  builder.setToken(bias.token);
  builder.setBias(bias.bias);
}

LogitBias read_logit_bias(const wire::LogitBias::Reader& reader, Reading&) {
  return {reader.getToken(), reader.getBias()};
}

void write_top_logprob(const TopLogprob& top, wire::TopLogprob::Builder builder) {
  builder.setToken(top.token);
  builder.setLogprob(top.logprob);
}

TopLogprob read_top_logprob(const wire::TopLogprob::Reader& reader, Reading&) {
  return {reader.getToken(), reader.getLogprob()};
}

void write_trace_span(const TraceSpan& span, wire::TraceSpan::Builder builder) {
  builder.setKind(static_cast<wire::TraceKind>(span.kind));
  builder.setStage(span.stage);
  builder.setTokens(span.tokens);
  builder.setBatchTokens(span.batch_tokens);
  builder.setStep(span.step);
  builder.setStartUs(span.start_us);
  builder.setDurationUs(span.duration_us);
}

TraceSpan read_trace_span(const wire::TraceSpan::Reader& reader, Reading&) {
  const auto number = static_cast<std::uint16_t>(reader.getKind());
  const bool is_known = number <= static_cast<std::uint16_t>(TraceKind::kSend);
  return {.kind = is_known ? static_cast<TraceKind>(number) : TraceKind::kOther,
          .stage = reader.getStage(),
          .tokens = reader.getTokens(),
          .batch_tokens = reader.getBatchTokens(),
          .step = reader.getStep(),
          .start_us = reader.getStartUs(),
          .duration_us = reader.getDurationUs()};
}

}  // namespace

std::vector<std::string> read_texts(const capnp::List<capnp::Text>::Reader& list, Reading& reading) {
  std::vector<std::string> texts;
  if (!reading.take_elements(list.size())) return texts;
  texts.reserve(list.size());
  for (const auto text : list) texts.push_back(read_text(text));
  return texts;
}

SessionToken read_session(capnp::Data::Reader data, Reading& reading) {
  SessionToken session;
  if (data.size() != session.bytes.size()) {
    reading.fail(ErrorCode::kProtocolViolation, "session token has " + std::to_string(data.size()) + " bytes, not 16");
    return session;
  }
  std::copy(data.begin(), data.end(), session.bytes.begin());
  return session;
}

void write(const Prompt& prompt, wire::Prompt::Builder builder) {
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    builder.setText(as_text(*text));
  } else if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) {
    builder.initTokenIds(0);  // Chooses the member also where the list is empty.
    write_numbers(*ids, [&](capnp::uint count) { return builder.initTokenIds(count); });
  } else {
    const auto& chat = std::get<ChatPrompt>(prompt);
    builder.initChat(0);
    write_structs(
        chat.messages, [&](capnp::uint count) { return builder.initChat(count); }, write_chat_message);
    if (!chat.variables.empty()) builder.setChatVariables(as_text(chat.variables));
  }
}

Prompt read(const wire::Prompt::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::Prompt::TEXT: return read_text(reader.getText());
    case wire::Prompt::TOKEN_IDS: return read_numbers<TokenId>(reader.getTokenIds());
    case wire::Prompt::CHAT:
      return ChatPrompt(read_structs<ChatMessage>(reader.getChat(), reading, read_chat_message),
                        read_text(reader.getChatVariables()));
  }
  reading.fail(ErrorCode::kUnsupportedVersion,
               "prompt is of kind " + std::to_string(reader.which()) + ", which this version does not know");
  return {};
}

void write(const SamplingParams& sampling, wire::SamplingParams::Builder builder) {
  builder.setTemperature(sampling.temperature);
  builder.setTopK(sampling.top_k);
  builder.setTopP(sampling.top_p);
  builder.setMinP(sampling.min_p);
  builder.setRepetitionPenalty(sampling.repetition_penalty);
  builder.setPresencePenalty(sampling.presence_penalty);
  builder.setFrequencyPenalty(sampling.frequency_penalty);
  builder.setChoice(sampling.choice);
  write_structs(
      sampling.logit_bias, [&](capnp::uint count) { return builder.initLogitBias(count); }, write_logit_bias);
}

SamplingParams read(const wire::SamplingParams::Reader& reader, Reading& reading) {
  return {.temperature = reader.getTemperature(),
          .top_k = reader.getTopK(),
          .top_p = reader.getTopP(),
          .min_p = reader.getMinP(),
          .repetition_penalty = reader.getRepetitionPenalty(),
          .presence_penalty = reader.getPresencePenalty(),
          .frequency_penalty = reader.getFrequencyPenalty(),
          .choice = reader.getChoice(),
          .logit_bias = read_structs<LogitBias>(reader.getLogitBias(), reading, read_logit_bias)};
}

void write(const LogprobOptions& options, wire::LogprobOptions::Builder builder) {
  builder.setOutput(options.output);
  builder.setTop(options.top);
  builder.setPrompt(options.prompt);
  builder.setDigest(options.digest);
}

LogprobOptions read(const wire::LogprobOptions::Reader& reader, Reading&) {
  return {reader.getOutput(), reader.getTop(), reader.getPrompt(), reader.getDigest()};
}

void write_logprobs(const TokenLogprobs& logprobs, wire::TokenLogprobs::Builder builder) {
  builder.setLogprob(logprobs.logprob);
  write_structs(
      logprobs.top, [&](capnp::uint count) { return builder.initTop(count); }, write_top_logprob);
  builder.setDigest(logprobs.digest);
}

TokenLogprobs read_logprobs(const wire::TokenLogprobs::Reader& reader, Reading& reading) {
  return {reader.getLogprob(), read_structs<TopLogprob>(reader.getTop(), reading, read_top_logprob),
          reader.getDigest()};
}

void write(const Usage& usage, wire::Usage::Builder builder) {
  builder.setPromptTokens(usage.prompt_tokens);
  builder.setOutputTokens(usage.output_tokens);
  builder.setCachedTokens(usage.cached_tokens);
}

Usage read(const wire::Usage::Reader& reader, Reading&) {
  return {reader.getPromptTokens(), reader.getOutputTokens(), reader.getCachedTokens()};
}

void write(const PhaseTimes& times, wire::PhaseTimes::Builder builder) {
  builder.setTokenizeUs(times.tokenize_us);
  builder.setQueueUs(times.queue_us);
  builder.setPrefillUs(times.prefill_us);
  builder.setDecodeUs(times.decode_us);
}

PhaseTimes read(const wire::PhaseTimes::Reader& reader, Reading&) {
  return {reader.getTokenizeUs(), reader.getQueueUs(), reader.getPrefillUs(), reader.getDecodeUs()};
}

static_assert(static_cast<int>(TraceKind::kAdmission) == static_cast<int>(wire::TraceKind::ADMISSION));
static_assert(static_cast<int>(TraceKind::kSend) == static_cast<int>(wire::TraceKind::SEND));

void write(const Trace& trace, wire::Trace::Builder builder) {
  write_structs(
      trace.spans, [&](capnp::uint count) { return builder.initSpans(count); }, write_trace_span);
  builder.setNumDropped(trace.num_dropped);
}

Trace read(const wire::Trace::Reader& reader, Reading& reading) {
  return {read_structs<TraceSpan>(reader.getSpans(), reading, read_trace_span), reader.getNumDropped()};
}

// base/error.h and the schema give the codes the same numbers.
static_assert(static_cast<int>(ErrorCode::kInvalidRequest) == static_cast<int>(wire::ErrorCode::INVALID_REQUEST));
static_assert(static_cast<int>(ErrorCode::kProtocolViolation) == static_cast<int>(wire::ErrorCode::PROTOCOL_VIOLATION));
static_assert(static_cast<int>(ErrorCode::kInternal) == static_cast<int>(wire::ErrorCode::INTERNAL));

void write(const Error& error, wire::Error::Builder builder) {
  builder.setCode(static_cast<wire::ErrorCode>(error.code));
  builder.setMessage(as_text(error.message));
  builder.setRetryable(is_retryable(error.code));
  builder.setRetryAfterMs(error.retry_after_ms);
}

Error read(const wire::Error::Reader& reader, Reading&) {
  Error error{ErrorCode::kInternal, read_text(reader.getMessage()), reader.getRetryAfterMs()};
  const auto number = static_cast<std::uint16_t>(reader.getCode());
  if (number >= 1 && number <= static_cast<std::uint16_t>(ErrorCode::kInternal)) {
    error.code = static_cast<ErrorCode>(number);
    return error;
  }
  if (reader.getRetryable()) error.code = ErrorCode::kUnavailable;
  error.message = "error code " + std::to_string(number) + ": " + error.message;
  return error;
}

static_assert(static_cast<int>(FinishReason::kStop) == static_cast<int>(wire::FinishReason::STOP));
static_assert(static_cast<int>(FinishReason::kLength) == static_cast<int>(wire::FinishReason::LENGTH));
static_assert(static_cast<int>(FinishReason::kCancelled) == static_cast<int>(wire::FinishReason::CANCELLED));
static_assert(static_cast<int>(FinishReason::kDeadline) == static_cast<int>(wire::FinishReason::DEADLINE));

wire::FinishReason to_wire(FinishReason reason) {
  return static_cast<wire::FinishReason>(reason);
}

FinishReason read(wire::FinishReason reason, Reading& reading) {
  const auto number = static_cast<std::uint16_t>(reason);
  if (number <= static_cast<std::uint16_t>(FinishReason::kDeadline)) return static_cast<FinishReason>(number);
  reading.fail(ErrorCode::kProtocolViolation, "finish reason " + std::to_string(number) + " is unknown");
  return FinishReason::kStop;
}

std::size_t estimate_bytes(const Prompt& prompt) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return padded_bytes(text->size() + 1);
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) return padded_bytes(ids->size() * sizeof(TokenId));
  const auto& chat = std::get<ChatPrompt>(prompt);
  std::size_t bytes = 8 + padded_bytes(chat.variables.size() + 1);
  for (const ChatMessage& message : chat.messages) {
    bytes += 24 + padded_bytes(message.role.size() + 1) + padded_bytes(message.content.size() + 1) +
             padded_bytes(message.fields.size() + 1);
  }
  return bytes;
}

std::size_t estimate_bytes(const Trace& trace) {
  return 32 + sizeof(TraceSpan) * trace.spans.size();
}

std::size_t estimate_bytes(const std::vector<TokenLogprobs>& logprobs) {
  std::size_t bytes = 8;
  for (const TokenLogprobs& one : logprobs) bytes += 24 + (one.top.empty() ? 0 : 8 + 8 * one.top.size());
  return bytes;
}

}  // namespace sluice::transport::codec
