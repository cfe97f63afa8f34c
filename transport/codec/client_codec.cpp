#include "transport/codec/client_codec.h"

#include "transport/codec/wire_values.h"

namespace sluice::transport {

namespace codec {
namespace {

void write_message(const Hello& hello, wire::ClientMessage::Builder root) {
  auto builder = root.initHello();
  builder.setVersionMin(hello.version_min);
  builder.setVersionMax(hello.version_max);
  builder.setClientName(as_text(hello.client_name));
  if (hello.session) builder.setSession(as_data(*hello.session));
}

Hello read_hello(const wire::Hello::Reader& reader, Reading& reading) {
  Hello hello{reader.getVersionMin(), reader.getVersionMax(), read_text(reader.getClientName()), {}};
  if (const auto session = reader.getSession(); session.size() > 0) hello.session = read_session(session, reading);
  return hello;
}

void write_message(const Generate& generate, wire::ClientMessage::Builder root) {
  auto builder = root.initGenerate();
  builder.setRequestId(as_text(generate.request_id));
  codec::write(generate.prompt, builder.initPrompt());
  builder.setAddSpecialTokens(generate.add_special_tokens);
  builder.setParseSpecialTokens(generate.parse_special_tokens);
  if (generate.sampling) codec::write(*generate.sampling, builder.initSampling());
  if (generate.seed) {
    builder.getSeed().setFixed(*generate.seed);
  } else {
    builder.getSeed().setDrawn();
  }
  builder.setMaxTokens(generate.max_tokens);
  write_texts(generate.stop, [&](capnp::uint count) { return builder.initStop(count); });
  write_numbers(generate.stop_token_ids, [&](capnp::uint count) { return builder.initStopTokenIds(count); });
  builder.setIgnoreEos(generate.ignore_eos);
  if (generate.logprobs != LogprobOptions{}) codec::write(generate.logprobs, builder.initLogprobs());
  builder.setDeadlineMs(generate.deadline_ms);
  builder.setPriority(generate.priority);
  builder.setTenant(as_text(generate.tenant));
  builder.setResumeGraceMs(generate.resume_grace_ms);
  builder.setCreditTokens(generate.credit_tokens);
  builder.setTrace(generate.trace);
}

std::optional<std::uint64_t> read_seed(const wire::Generate::Seed::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::Generate::Seed::DRAWN: return std::nullopt;
    case wire::Generate::Seed::FIXED: return reader.getFixed();
  }
  reading.fail(ErrorCode::kUnsupportedVersion,
               "seed is of kind " + std::to_string(reader.which()) + ", which this version does not know");
  return std::nullopt;
}

Generate read_generate(const wire::Generate::Reader& reader, Reading& reading) {
  Generate generate;
  generate.request_id = read_text(reader.getRequestId());
  generate.prompt = read(reader.getPrompt(), reading);
  generate.add_special_tokens = reader.getAddSpecialTokens();
  generate.parse_special_tokens = reader.getParseSpecialTokens();
  if (reader.hasSampling()) generate.sampling = read(reader.getSampling(), reading);
  generate.seed = read_seed(reader.getSeed(), reading);
  generate.max_tokens = reader.getMaxTokens();
  generate.stop = read_texts(reader.getStop(), reading);
  generate.stop_token_ids = read_numbers<TokenId>(reader.getStopTokenIds());
  generate.ignore_eos = reader.getIgnoreEos();
  generate.logprobs = read(reader.getLogprobs(), reading);
  generate.deadline_ms = reader.getDeadlineMs();
  generate.priority = reader.getPriority();
  generate.tenant = read_text(reader.getTenant());
  generate.resume_grace_ms = reader.getResumeGraceMs();
  generate.credit_tokens = reader.getCreditTokens();
  generate.trace = reader.getTrace();
  return generate;
}

void write_message(const Attach& attach, wire::ClientMessage::Builder root) {
  auto builder = root.initAttach();
  builder.setSession(as_data(attach.session));
  builder.setRequestId(as_text(attach.request_id));
  builder.setFromIndex(attach.from_index);
  builder.setCreditTokens(attach.credit_tokens);
}

Attach read_attach(const wire::Attach::Reader& reader, Reading& reading) {
  return {read_session(reader.getSession(), reading), read_text(reader.getRequestId()), reader.getFromIndex(),
          reader.getCreditTokens()};
}

void write_message(const Cancel& cancel, wire::ClientMessage::Builder root) {
  root.initCancel().setRequestId(as_text(cancel.request_id));
}

void write_message(const Credit& credit, wire::ClientMessage::Builder root) {
  auto builder = root.initCredit();
  builder.setRequestId(as_text(credit.request_id));
  builder.setUpToIndex(credit.up_to_index);
}

ClientMessage read_client_message(const wire::ClientMessage::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::ClientMessage::NONE: reading.fail(ErrorCode::kProtocolViolation, "message says nothing"); return {};
    case wire::ClientMessage::HELLO: return read_hello(reader.getHello(), reading);
    case wire::ClientMessage::GENERATE: return read_generate(reader.getGenerate(), reading);
    case wire::ClientMessage::ATTACH: return read_attach(reader.getAttach(), reading);
    case wire::ClientMessage::CANCEL: return Cancel{read_text(reader.getCancel().getRequestId())};
    case wire::ClientMessage::CREDIT: {
      const auto credit = reader.getCredit();
      return Credit{read_text(credit.getRequestId()), credit.getUpToIndex()};
    }
  }
  reading.fail(ErrorCode::kUnsupportedVersion,
               "message is of kind " + std::to_string(reader.which()) + ", which this version does not know");
  return {};
}

std::size_t message_estimate_bytes(const ClientMessage& message) {
  constexpr std::size_t kFixedBytes = 768;
  const auto* generate = std::get_if<Generate>(&message);
  if (generate == nullptr) return kFixedBytes;
  const std::size_t biases = generate->sampling ? generate->sampling->logit_bias.size() : 0;
  return kFixedBytes + codec::estimate_bytes(generate->prompt) + 8 * biases;
}

}  // namespace
}  // namespace codec

Message encode(const ClientMessage& message) {
  const auto write_root = [&](wire::ClientMessage::Builder root) {
    std::visit([&](const auto& one) { codec::write_message(one, root); }, message);
  };
  return {codec::build_frame<wire::ClientMessage>(codec::message_estimate_bytes(message), write_root)};
}

Result<ClientMessage> decode_client_message(const Message& message, const DecodeLimits& limits) {
  if (const auto frames = codec::expect_frames(message, 1); !frames) return frames.error();
  return decode_client_frame(message.front(), limits);
}

Result<ClientMessage> decode_client_frame(const Frame& frame, const DecodeLimits& limits) {
  return codec::read_frame<ClientMessage, wire::ClientMessage>(frame, limits, codec::read_client_message);
}

}  // namespace sluice::transport
