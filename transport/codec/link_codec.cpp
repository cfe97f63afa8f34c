#include "transport/codec/link_codec.h"

#include <cstring>

#include "transport/codec/link_messages.h"

namespace sluice::transport {

namespace codec {

namespace {

constexpr std::size_t kFixedBytes = 768;

template <class T>
std::size_t numbers_bytes(const std::vector<T>& values) {
  return padded_bytes(values.size() * sizeof(T));
}

}  // namespace

std::size_t message_estimate_bytes(const StageBatch& batch) {
  std::size_t bytes =
      kFixedBytes + numbers_bytes(batch.token_ids) + numbers_bytes(batch.closed) + numbers_bytes(batch.stage_times);
  for (const BatchEntry& entry : batch.entries) bytes += 40 + numbers_bytes(entry.block_table);
  for (const SequenceOpening& opening : batch.opened) {
    bytes += 128 + 8 * opening.sampling.logit_bias.size() + numbers_bytes(opening.history);
  }
  return bytes;
}

std::size_t message_estimate_bytes(const StepResult& result) {
  std::size_t bytes = kFixedBytes + numbers_bytes(result.stage_times);
  for (const Sample& sample : result.samples) {
    bytes += 24 + (sample.logprobs ? 32 + 8 * sample.logprobs->top.size() : 0);
  }
  for (const PromptLogprobs& logprobs : result.prompt_logprobs) bytes += 32 + numbers_bytes(logprobs.values);
  return bytes;
}

std::size_t message_estimate_bytes(const StepTokens& tokens) {
  std::size_t bytes = kFixedBytes;
  for (const StreamTokens& stream : tokens.streams) {
    bytes += 40 + numbers_bytes(stream.token_ids) + estimate_bytes(stream.logprobs);
  }
  return bytes;
}

std::size_t message_estimate_bytes(const ClientAnswers& answers) {
  std::size_t bytes = kFixedBytes;
  for (const ClientAnswer& answer : answers.answers) {
    bytes += 40 + padded_bytes(answer.route.bytes.size()) + padded_bytes(answer.frame.size());
  }
  return bytes;
}

std::size_t message_estimate_bytes(const LinkMessage& message) {
  if (const auto* submission = std::get_if<Submission>(&message)) {
    return kFixedBytes + estimate_bytes(submission->prompt) + 8 * submission->spec.sampling.logit_bias.size();
  }
  if (const auto* start = std::get_if<SequenceStart>(&message)) {
    return kFixedBytes + numbers_bytes(start->prompt_ids) + 8 * start->spec.sampling.logit_bias.size();
  }
  if (const auto* batch = std::get_if<StageBatch>(&message)) return message_estimate_bytes(*batch);
  if (const auto* result = std::get_if<StepResult>(&message)) return message_estimate_bytes(*result);
  if (const auto* tokens = std::get_if<StepTokens>(&message)) return message_estimate_bytes(*tokens);
  if (const auto* end = std::get_if<StreamEnd>(&message)) {
    return kFixedBytes + numbers_bytes(end->prompt_logprobs) + estimate_bytes(end->trace);
  }
  if (const auto* answers = std::get_if<ClientAnswers>(&message)) return message_estimate_bytes(*answers);
  return kFixedBytes;
}

namespace {

template <class T>
Frame metadata_frame(const T& one) {
  return build_frame<wire::LinkMessage>(message_estimate_bytes(one),
                                        [&](wire::LinkMessage::Builder root) { write_message(one, root); });
}

LinkMessage read_link_message(const wire::LinkMessage::Reader& reader, Reading& reading) {
  switch (reader.which()) {
    case wire::LinkMessage::NONE: reading.fail(ErrorCode::kProtocolViolation, "message says nothing"); return {};
    case wire::LinkMessage::SUBMISSION: return read(reader.getSubmission(), reading);
    case wire::LinkMessage::SEQUENCE_START: return read(reader.getSequenceStart(), reading);
    case wire::LinkMessage::SEQUENCE_CANCEL: return read(reader.getSequenceCancel(), reading);
    case wire::LinkMessage::STAGE_BATCH: return read(reader.getStageBatch(), reading);
    case wire::LinkMessage::STEP_RESULT: return read(reader.getStepResult(), reading);
    case wire::LinkMessage::STREAM_OPEN: return read(reader.getStreamOpen(), reading);
    case wire::LinkMessage::STREAM_ATTACH: return read(reader.getStreamAttach(), reading);
    case wire::LinkMessage::STREAM_CREDIT: return read(reader.getStreamCredit(), reading);
    case wire::LinkMessage::STREAM_DETACH: return read(reader.getStreamDetach(), reading);
    case wire::LinkMessage::STEP_TOKENS: return read(reader.getStepTokens(), reading);
    case wire::LinkMessage::STREAM_END: return read(reader.getStreamEnd(), reading);
    case wire::LinkMessage::STREAM_STOP: return read(reader.getStreamStop(), reading);
    case wire::LinkMessage::STREAM_PAUSE: return read(reader.getStreamPause(), reading);
    case wire::LinkMessage::CLIENT_ANSWERS: return read(reader.getClientAnswers(), reading);
    case wire::LinkMessage::PARTIAL_RESULT: return read(reader.getPartialResult(), reading);
    case wire::LinkMessage::STREAM_RELEASED: return read(reader.getStreamReleased(), reading);
    case wire::LinkMessage::SEQUENCE_ENDED: return read(reader.getSequenceEnded(), reading);
  }
  reading.fail(ErrorCode::kUnsupportedVersion,
               "link message is of kind " + std::to_string(reader.which()) + ", which this version does not know");
  return {};
}

std::uint64_t num_values(const HiddenStates& hidden) {
  return std::uint64_t{hidden.rows} * hidden.columns;
}

HiddenStates* tensor_of(LinkMessage& message) {
  if (auto* batch = std::get_if<StageBatch>(&message)) return &batch->hidden;
  if (auto* result = std::get_if<PartialResult>(&message)) return &result->values;
  return nullptr;
}

Message with_tensor(Frame metadata, const HiddenStates& tensor) {
  SLUICE_CHECK_EQ(tensor.values.size(), num_values(tensor));
  Message message{std::move(metadata)};
  if (!tensor.values.empty()) message.emplace_back(tensor.owner, std::as_bytes(tensor.values));
  return message;
}

// Gives `hidden` the values of `frame`, which it keeps alive.
Result<void> adopt_values(const Frame& frame, const DecodeLimits& limits, HiddenStates& hidden) {
  if (frame.size() > limits.tensor_bytes_max) {
    return Error{ErrorCode::kProtocolViolation, "tensor has " + std::to_string(frame.size()) + " bytes, limit " +
                                                    std::to_string(limits.tensor_bytes_max)};
  }
  // Divided, not multiplied: rows * columns * 4 may exceed 64 bits.
  if (frame.size() % sizeof(float) != 0 || frame.size() / sizeof(float) != num_values(hidden)) {
    return Error{ErrorCode::kProtocolViolation, "tensor has " + std::to_string(frame.size()) +
                                                    " bytes, but is to hold " + std::to_string(hidden.rows) + " x " +
                                                    std::to_string(hidden.columns) + " f32"};
  }
  Frame values = frame;
  if (!frame.is_aligned(alignof(float))) {
    FrameBuilder aligned(frame.size());
    std::memcpy(aligned.bytes().data(), frame.bytes().data(), frame.size());
    values = std::move(aligned).freeze();
  }
  hidden.owner = values.owner();
  hidden.values = {reinterpret_cast<const float*>(values.bytes().data()), values.size() / sizeof(float)};
  return {};
}

}  // namespace
}  // namespace codec

Message encode(const StageBatch& batch) {
  return codec::with_tensor(codec::metadata_frame(batch), batch.hidden);
}

Message encode(const PartialResult& result) {
  return codec::with_tensor(codec::metadata_frame(result), result.values);
}

Message encode(const StepResult& result) {
  return {codec::metadata_frame(result)};
}

Message encode(const StepTokens& tokens) {
  return {codec::metadata_frame(tokens)};
}

Message encode(const ClientAnswers& answers) {
  return {codec::metadata_frame(answers)};
}

Message encode(const LinkMessage& message) {
  if (const auto* batch = std::get_if<StageBatch>(&message)) return encode(*batch);
  if (const auto* result = std::get_if<PartialResult>(&message)) return encode(*result);
  const auto write_root = [&](wire::LinkMessage::Builder root) {
    std::visit([&](const auto& one) { codec::write_message(one, root); }, message);
  };
  return {codec::build_frame<wire::LinkMessage>(codec::message_estimate_bytes(message), write_root)};
}

Result<LinkMessage> decode_link_message(const Message& message, const DecodeLimits& limits) {
  if (message.empty()) return codec::expect_frames(message, 1).error();
  auto decoded = codec::read_frame<LinkMessage, wire::LinkMessage>(message.front(), limits, codec::read_link_message);
  if (!decoded) return decoded;
  HiddenStates* tensor = codec::tensor_of(*decoded);
  const bool has_tensor = tensor != nullptr && codec::num_values(*tensor) > 0;
  if (const auto frames = codec::expect_frames(message, has_tensor ? 2 : 1); !frames) return frames.error();
  if (has_tensor) {
    if (const auto adopted = codec::adopt_values(message[1], limits, *tensor); !adopted) return adopted.error();
  }
  return decoded;
}

}  // namespace sluice::transport
