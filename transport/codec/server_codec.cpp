// The half of client_codec.h that the engine encodes.
#include "transport/codec/client_codec.h"
#include "transport/codec/wire_values.h"

namespace sluice::transport {

namespace codec {
namespace {

void write_message(const Welcome& welcome, wire::ServerMessage::Builder root) {
  auto builder = root.initWelcome();
  builder.setVersion(welcome.version);
  builder.setSession(as_data(welcome.session));
  builder.setModel(as_text(welcome.model));
  builder.setMaxRequests(welcome.max_requests);
  builder.setContextTokens(welcome.context_tokens);
  builder.setClientWindowTokens(welcome.client_window_tokens);
  builder.setMessageBytesMax(welcome.message_bytes_max);
  codec::write(welcome.sampling_defaults, builder.initSamplingDefaults());
  builder.setVocabularyTokens(welcome.vocabulary_tokens);
}

Welcome read_welcome(const wire::Welcome::Reader& reader, Reading& reading) {
  return {.version = reader.getVersion(),
          .session = read_session(reader.getSession(), reading),
          .model = read_text(reader.getModel()),
          .max_requests = reader.getMaxRequests(),
          .context_tokens = reader.getContextTokens(),
          .client_window_tokens = reader.getClientWindowTokens(),
          .message_bytes_max = reader.getMessageBytesMax(),
          .sampling_defaults = read(reader.getSamplingDefaults(), reading),
          .vocabulary_tokens = reader.getVocabularyTokens()};
}

void write_message(const Accepted& accepted, wire::ServerMessage::Builder root) {
  auto builder = root.initAccepted();
  builder.setRequestId(as_text(accepted.request_id));
  builder.setSeed(accepted.seed);
}

void write_message(const Tokens& tokens, wire::ServerMessage::Builder root) {
  auto builder = root.initTokens();
  builder.setRequestId(as_text(tokens.request_id));
  builder.setFirstIndex(tokens.first_index);
  write_numbers(tokens.token_ids, [&](capnp::uint count) { return builder.initTokenIds(count); });
  builder.setText(as_text(tokens.text));
  write_structs(
      tokens.logprobs, [&](capnp::uint count) { return builder.initLogprobs(count); }, write_logprobs);
}

Tokens read_tokens(const wire::Tokens::Reader& reader, Reading& reading) {
  return {.request_id = read_text(reader.getRequestId()),
          .first_index = reader.getFirstIndex(),
          .token_ids = read_numbers<TokenId>(reader.getTokenIds()),
          .text = read_text(reader.getText()),
          .logprobs = read_structs<TokenLogprobs>(reader.getLogprobs(), reading, read_logprobs)};
}

void write_message(const Finished& finished, wire::ServerMessage::Builder root) {
  auto builder = root.initFinished();
  builder.setRequestId(as_text(finished.request_id));
  builder.setReason(to_wire(finished.reason));
  codec::write(finished.usage, builder.initUsage());
  codec::write(finished.times, builder.initTimes());
  write_numbers(finished.prompt_logprobs, [&](capnp::uint count) { return builder.initPromptLogprobs(count); });
  if (finished.trace != Trace{}) codec::write(finished.trace, builder.initTrace());
}

Finished read_finished(const wire::Finished::Reader& reader, Reading& reading) {
  return {.request_id = read_text(reader.getRequestId()),
          .reason = read(reader.getReason(), reading),
          .usage = read(reader.getUsage(), reading),
          .times = read(reader.getTimes(), reading),
          .prompt_logprobs = read_numbers<float>(reader.getPromptLogprobs()),
          .trace = read(reader.getTrace(), reading)};
}

void write_message(const Failed& failed, wire::ServerMessage::Builder root) {
  auto builder = root.initFailed();
  builder.setRequestId(as_text(failed.request_id));
  codec::write(failed.error, builder.initError());
}

ServerMessage read_server_message(const wire::ServerMessage::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::ServerMessage::NONE: reading.fail(ErrorCode::kProtocolViolation, "message says nothing"); return {};
    case wire::ServerMessage::WELCOME: return read_welcome(reader.getWelcome(), reading);
    case wire::ServerMessage::ACCEPTED: {
      const auto accepted = reader.getAccepted();
      return Accepted{read_text(accepted.getRequestId()), accepted.getSeed()};
    }
    case wire::ServerMessage::TOKENS: return read_tokens(reader.getTokens(), reading);
    case wire::ServerMessage::FINISHED: return read_finished(reader.getFinished(), reading);
    case wire::ServerMessage::FAILED: {
      const auto failed = reader.getFailed();
      return Failed{read_text(failed.getRequestId()), read(failed.getError(), reading)};
    }
  }
  reading.fail(ErrorCode::kUnsupportedVersion,
               "message is of kind " + std::to_string(reader.which()) + ", which this version does not know");
  return {};
}

constexpr std::size_t kFixedBytes = 384;

std::size_t message_estimate_bytes(const Tokens& tokens) {
  return kFixedBytes + padded_bytes(tokens.token_ids.size() * sizeof(TokenId)) + padded_bytes(tokens.text.size() + 1) +
         codec::estimate_bytes(tokens.logprobs);
}
std::size_t message_estimate_bytes(const Finished& finished) {
  return kFixedBytes + padded_bytes(finished.prompt_logprobs.size() * sizeof(float)) +
         codec::estimate_bytes(finished.trace);
}
std::size_t message_estimate_bytes(const Welcome& welcome) {
  return kFixedBytes + 8 * welcome.sampling_defaults.logit_bias.size();
}
std::size_t message_estimate_bytes(const Accepted&) {
  return kFixedBytes;
}
std::size_t message_estimate_bytes(const Failed& failed) {
  return kFixedBytes + padded_bytes(failed.error.message.size() + 1);
}

template <class T>
Message encode_one(const T& one) {
  return {build_frame<wire::ServerMessage>(message_estimate_bytes(one),
                                           [&](wire::ServerMessage::Builder root) { write_message(one, root); })};
}

}  // namespace
}  // namespace codec

Message encode(const ServerMessage& message) {
  return std::visit([](const auto& one) { return codec::encode_one(one); }, message);
}

Message encode(const Tokens& tokens) {
  return codec::encode_one(tokens);
}

Result<ServerMessage> decode_server_message(const Message& message, const DecodeLimits& limits) {
  if (const auto frames = codec::expect_frames(message, 1); !frames) return frames.error();
  return decode_server_frame(message.front(), limits);
}

Result<ServerMessage> decode_server_frame(const Frame& frame, const DecodeLimits& limits) {
  return codec::read_frame<ServerMessage, wire::ServerMessage>(frame, limits, codec::read_server_message);
}

}  // namespace sluice::transport
