// The messages of link_messages.h to and from the responder.
#include "transport/codec/link_messages.h"

namespace sluice::transport::codec {

namespace {

capnp::Data::Reader as_data(const ClientRoute& route) {
  return codec::as_data(route.bytes.data(), route.bytes.size());
}

std::variant<FinishReason, Error> read_outcome(const wire::StreamEnd::Outcome::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::StreamEnd::Outcome::FINISHED: return read(reader.getFinished(), reading);
    case wire::StreamEnd::Outcome::FAILED: return read(reader.getFailed(), reading);
  }
  reading.fail(ErrorCode::kUnsupportedVersion, "outcome is of a kind that this version does not know");
  return {};
}

void write_stream_tokens(const StreamTokens& tokens, wire::StreamTokens::Builder builder) {
  builder.setSequence(tokens.sequence.value);
  builder.setFirstIndex(tokens.first_index);
  write_numbers(tokens.token_ids, [&](capnp::uint count) { return builder.initTokenIds(count); });
  write_structs(
      tokens.logprobs, [&](capnp::uint count) { return builder.initLogprobs(count); }, write_logprobs);
}

StreamTokens read_stream_tokens(const wire::StreamTokens::Reader& reader, Reading& reading) {
  return {.sequence = {reader.getSequence()},
          .first_index = reader.getFirstIndex(),
          .token_ids = read_numbers<TokenId>(reader.getTokenIds()),
          .logprobs = read_structs<TokenLogprobs>(reader.getLogprobs(), reading, read_logprobs)};
}

void write_answer(const ClientAnswer& answer, wire::ClientAnswer::Builder builder) {
  builder.setSequence(answer.sequence.value);
  builder.setRoute(as_data(answer.route));
  builder.setIsTerminal(answer.is_terminal);
  builder.setFrame(codec::as_data(answer.frame.data(), answer.frame.size()));
  builder.setShowsOutput(answer.shows_output);
}

ClientAnswer read_answer(const wire::ClientAnswer::Reader& reader, Reading&) {
  const auto frame = reader.getFrame();
  const auto* bytes = reinterpret_cast<const std::byte*>(frame.begin());
  return {.sequence = {reader.getSequence()},
          .route = {read_bytes(reader.getRoute())},
          .is_terminal = reader.getIsTerminal(),
          .frame = std::vector<std::byte>(bytes, bytes + frame.size()),
          .shows_output = reader.getShowsOutput()};
}

}  // namespace

void write_message(const StreamOpen& open, wire::LinkMessage::Builder root) {
  auto builder = root.initStreamOpen();
  builder.setSequence(open.sequence.value);
  builder.setRequestId(as_text(open.request_id));
  builder.setRoute(as_data(open.route));
  write_texts(open.stop, [&](capnp::uint count) { return builder.initStop(count); });
  write_numbers(open.stop_token_ids, [&](capnp::uint count) { return builder.initStopTokenIds(count); });
  builder.setSeed(open.seed);
  builder.setCreditTokens(open.credit_tokens);
  write(open.time_left, builder.initTimeLeft());
  builder.setTrace(open.trace);
}

StreamOpen read(const wire::StreamOpen::Reader& reader, Reading& reading) {
  return {.sequence = {reader.getSequence()},
          .request_id = read_text(reader.getRequestId()),
          .route = {read_bytes(reader.getRoute())},
          .stop = read_texts(reader.getStop(), reading),
          .stop_token_ids = read_numbers<TokenId>(reader.getStopTokenIds()),
          .seed = reader.getSeed(),
          .credit_tokens = reader.getCreditTokens(),
          .time_left = read(reader.getTimeLeft(), reading),
          .trace = reader.getTrace()};
}

void write_message(const StreamAttach& attach, wire::LinkMessage::Builder root) {
  auto builder = root.initStreamAttach();
  builder.setSequence(attach.sequence.value);
  builder.setRoute(as_data(attach.route));
  builder.setFromIndex(attach.from_index);
  builder.setCreditTokens(attach.credit_tokens);
}

StreamAttach read(const wire::StreamAttach::Reader& reader, Reading&) {
  return {{reader.getSequence()}, {read_bytes(reader.getRoute())}, reader.getFromIndex(), reader.getCreditTokens()};
}

void write_message(const StreamCredit& credit, wire::LinkMessage::Builder root) {
  auto builder = root.initStreamCredit();
  builder.setSequence(credit.sequence.value);
  builder.setRoute(as_data(credit.route));
  builder.setUpToIndex(credit.up_to_index);
}

StreamCredit read(const wire::StreamCredit::Reader& reader, Reading&) {
  return {{reader.getSequence()}, {read_bytes(reader.getRoute())}, reader.getUpToIndex()};
}

void write_message(const StreamDetach& detach, wire::LinkMessage::Builder root) {
  root.initStreamDetach().setRoute(as_data(detach.route));
}

StreamDetach read(const wire::StreamDetach::Reader& reader, Reading&) {
  return {{read_bytes(reader.getRoute())}};
}

void write_message(const StepTokens& tokens, wire::LinkMessage::Builder root) {
  auto builder = root.initStepTokens();
  write_structs(
      tokens.streams, [&](capnp::uint count) { return builder.initStreams(count); }, write_stream_tokens);
}

StepTokens read(const wire::StepTokens::Reader& reader, Reading& reading) {
  return {read_structs<StreamTokens>(reader.getStreams(), reading, read_stream_tokens)};
}

void write_message(const StreamEnd& end, wire::LinkMessage::Builder root) {
  auto builder = root.initStreamEnd();
  builder.setSequence(end.sequence.value);
  if (const auto* reason = std::get_if<FinishReason>(&end.outcome)) {
    builder.getOutcome().setFinished(to_wire(*reason));
  } else {
    write(std::get<Error>(end.outcome), builder.getOutcome().initFailed());
  }
  write(end.usage, builder.initUsage());
  write(end.times, builder.initTimes());
  write_numbers(end.prompt_logprobs, [&](capnp::uint count) { return builder.initPromptLogprobs(count); });
  if (end.trace != Trace{}) write(end.trace, builder.initTrace());
  builder.setElapsedUs(end.elapsed_us);
}

StreamEnd read(const wire::StreamEnd::Reader& reader, Reading& reading) {
  return {.sequence = {reader.getSequence()},
          .outcome = read_outcome(reader.getOutcome(), reading),
          .usage = read(reader.getUsage(), reading),
          .times = read(reader.getTimes(), reading),
          .prompt_logprobs = read_numbers<float>(reader.getPromptLogprobs()),
          .trace = read(reader.getTrace(), reading),
          .elapsed_us = reader.getElapsedUs()};
}

void write_message(const StreamStop& stop, wire::LinkMessage::Builder root) {
  auto builder = root.initStreamStop();
  builder.setSequence(stop.sequence.value);
  builder.setOutputTokens(stop.output_tokens);
}

StreamStop read(const wire::StreamStop::Reader& reader, Reading&) {
  return {{reader.getSequence()}, reader.getOutputTokens()};
}

void write_message(const StreamPause& pause, wire::LinkMessage::Builder root) {
  auto builder = root.initStreamPause();
  builder.setSequence(pause.sequence.value);
  builder.setPaused(pause.paused);
}

StreamPause read(const wire::StreamPause::Reader& reader, Reading&) {
  return {{reader.getSequence()}, reader.getPaused()};
}

void write_message(const ClientAnswers& answers, wire::LinkMessage::Builder root) {
  auto builder = root.initClientAnswers();
  write_structs(
      answers.answers, [&](capnp::uint count) { return builder.initAnswers(count); }, write_answer);
}

ClientAnswers read(const wire::ClientAnswers::Reader& reader, Reading& reading) {
  return {read_structs<ClientAnswer>(reader.getAnswers(), reading, read_answer)};
}

void write_message(const StreamReleased& released, wire::LinkMessage::Builder root) {
  auto builder = root.initStreamReleased();
  builder.setSequence(released.sequence.value);
  builder.setIsKept(released.is_kept);
  builder.setPromptTokens(released.prompt_tokens);
}

StreamReleased read(const wire::StreamReleased::Reader& reader, Reading&) {
  return {{reader.getSequence()}, reader.getIsKept(), reader.getPromptTokens()};
}

}  // namespace sluice::transport::codec
