#include "transport/codec/wire_frame.h"

#include <algorithm>
#include <cstring>

namespace sluice::transport::codec {

namespace {

constexpr std::size_t kWordBytes = sizeof(capnp::word);

// 32-bit little-endian numbers: segments - 1, then the words of each; padded to a word.
constexpr std::size_t table_bytes(std::size_t segments) {
  return (4 * (segments + 1) + kWordBytes - 1) & ~(kWordBytes - 1);
}

void write_table(std::byte* table, kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
  std::memset(table, 0, table_bytes(segments.size()));
  const auto put = [table](std::size_t index, std::size_t value) {
    const auto number = static_cast<std::uint32_t>(value);
    std::memcpy(table + 4 * index, &number, 4);
  };
  put(0, segments.size() - 1);
  for (std::size_t i = 0; i < segments.size(); ++i) put(i + 1, segments[i].size());
}

}  // namespace

kj::ArrayPtr<capnp::word> FrameMessageBuilder::allocateSegment(capnp::uint minimum_words) {
  const std::size_t words = std::max<std::size_t>(minimum_words, next_words_);
  next_words_ = 2 * words;  // Few segments, however wrong the estimate was.
  const std::size_t bytes = table_bytes(1) + words * kWordBytes;
  std::byte* memory = segments_.emplace_back(bytes).bytes().data();
  std::memset(memory, 0, bytes);
  return {reinterpret_cast<capnp::word*>(memory + table_bytes(1)), words};
}

Frame FrameMessageBuilder::finish() {
  const auto segments = getSegmentsForOutput();
  if (segments.size() == 1) {
    write_table(segments_.front().bytes().data(), segments);
    const Frame whole = std::move(segments_.front()).freeze();
    return Frame(whole.owner(), whole.bytes().first(table_bytes(1) + segments[0].size() * kWordBytes));
  }
  std::size_t bytes = table_bytes(segments.size());
  for (const auto& segment : segments) bytes += segment.size() * kWordBytes;
  FrameBuilder joined(bytes);
  std::byte* out = joined.bytes().data();
  write_table(out, segments);
  out += table_bytes(segments.size());
  for (const auto& segment : segments) {
    std::memcpy(out, segment.begin(), segment.size() * kWordBytes);
    out += segment.size() * kWordBytes;
  }
  return std::move(joined).freeze();
}

Result<FrameWords> frame_words(const Frame& frame, const DecodeLimits& limits) {
  const auto refuse = [](std::string sentence) { return Error{ErrorCode::kProtocolViolation, std::move(sentence)}; };
  const std::size_t bytes = frame.size();
  if (bytes > limits.message_bytes_max) {
    return refuse("frame has " + std::to_string(bytes) + " bytes, limit " + std::to_string(limits.message_bytes_max));
  }
  if (bytes == 0) return refuse("frame is empty");
  if (bytes % kWordBytes != 0) {
    return refuse("frame has " + std::to_string(bytes) + " bytes, which is no whole number of words");
  }
  FrameWords source{frame, {}};
  if (!frame.is_aligned(kWordBytes)) {
    FrameBuilder aligned(bytes);
    std::memcpy(aligned.bytes().data(), frame.bytes().data(), bytes);
    source.frame = std::move(aligned).freeze();
  }
  source.words = {reinterpret_cast<const capnp::word*>(source.frame.bytes().data()), bytes / kWordBytes};
  return source;
}

capnp::ReaderOptions reader_options(std::size_t words) {
  capnp::ReaderOptions options;
  // Each object is read once, so an honest message never exceeds its own size, while one that points at the same bytes
  // again and again does. The slack is for the tags of lists.
  options.traversalLimitInWords = words + 64;
  options.nestingLimit = kNestingMax;
  return options;
}

// The description alone: kj's full text runs addr2line for its stack trace.
Error malformed(const kj::Exception& exception) {
  return {ErrorCode::kProtocolViolation,
          std::string("frame is no valid message: ") + exception.getDescription().cStr()};
}

void encoding_failed(const kj::Exception& exception) {
  check_failed(__FILE__, __LINE__, "a message can be encoded", exception.getDescription().cStr());
}

Result<void> expect_frames(const Message& message, std::size_t count) {
  if (message.size() == count) return {};
  return Error{ErrorCode::kProtocolViolation,
               "message has " + std::to_string(message.size()) + " frames, expected " + std::to_string(count)};
}

}  // namespace sluice::transport::codec
