// One Cap'n Proto message in one Frame: building one in place, and reading one that a peer sent.
// The only place that meets Cap'n Proto's exceptions.
//
// Thread:  pure functions and local objects.
// Errors:  read_frame(): kProtocolViolation for everything that is no message; never throws.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "transport/codec/decode_limits.h"
#include "transport/frame.h"

namespace sluice::transport::codec {

// Deeper than any message of ours; Cap'n Proto counts structs and lists.
inline constexpr int kNestingMax = 16;

// A message under construction in the memory of its later Frame: [segment table][segment]. Where the estimate was too
// small there are further segments, and finish() pays with one copy.
class FrameMessageBuilder final : public capnp::MessageBuilder {
 public:
  explicit FrameMessageBuilder(std::size_t estimate_bytes) : next_words_(estimate_bytes / sizeof(capnp::word) + 16) {}

  kj::ArrayPtr<capnp::word> allocateSegment(capnp::uint minimum_words) override;
  // Once, after the last write.
  Frame finish();

 private:
  std::size_t next_words_;
  std::vector<FrameBuilder> segments_;
};

// What a reader function has to say beside its value: the first thing that was wrong.
class Reading {
 public:
  explicit Reading(std::size_t words) : elements_left_(words) {}

  void fail(ErrorCode code, std::string message) {
    if (!error_) error_ = Error{code, std::move(message)};
  }
  // Structs and texts in lists cost a word each at least, so an honest message never has more of them than words. A
  // hostile one may (a list of empty structs, of bytes read as structs), and is stopped before anything is reserved.
  bool take_elements(std::size_t count) {
    if (count > elements_left_) {
      fail(ErrorCode::kProtocolViolation, "a list claims more elements than the message has room for");
      return false;
    }
    elements_left_ -= count;
    return true;
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  std::size_t elements_left_;
  std::optional<Error> error_;
};

// The words of a frame, and what keeps them alive: the frame itself, or an aligned copy.
struct FrameWords {
  Frame frame;
  kj::ArrayPtr<const capnp::word> words;
};
Result<FrameWords> frame_words(const Frame& frame, const DecodeLimits& limits);
capnp::ReaderOptions reader_options(std::size_t words);
Error malformed(const kj::Exception& exception);
[[noreturn]] void encoding_failed(const kj::Exception& exception);
Result<void> expect_frames(const Message& message, std::size_t count);

// Calls read(Root::Reader, Reading&) -> T on the frame's message.
template <class T, class Root, class Read>
Result<T> read_frame(const Frame& frame, const DecodeLimits& limits, Read&& read) {
  const Result<FrameWords> source = frame_words(frame, limits);
  if (!source) return source.error();
  try {
    capnp::FlatArrayMessageReader reader(source->words, reader_options(source->words.size()));
    if (reader.getEnd() != source->words.end()) {
      return Error{ErrorCode::kProtocolViolation, "frame has bytes beyond its message"};
    }
    Reading reading(source->words.size());
    Result<T> result = read(reader.getRoot<Root>(), reading);
    if (reading.error()) result = *reading.error();
    return result;
  } catch (const kj::Exception& exception) {
    return malformed(exception);
  }
}

// Calls write(Root::Builder) and returns what it built. `estimate_bytes` saves a copy where it is enough.
template <class Root, class Write>
Frame build_frame(std::size_t estimate_bytes, Write&& write) {
  try {
    FrameMessageBuilder builder(estimate_bytes);
    write(builder.initRoot<Root>());
    return builder.finish();
  } catch (const kj::Exception& exception) {
    encoding_failed(exception);
  }
}

}  // namespace sluice::transport::codec
