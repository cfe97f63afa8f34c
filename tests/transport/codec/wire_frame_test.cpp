#include "transport/codec/wire_frame.h"

#include <doctest/doctest.h>

#include <cstring>

#include "sluice.capnp.h"

namespace sluice::transport::codec {
namespace {

Frame credit_frame(std::size_t estimate_bytes, const std::string& id) {
  return build_frame<wire::ClientMessage>(estimate_bytes, [&](wire::ClientMessage::Builder root) {
    auto credit = root.initCredit();
    credit.setRequestId(id);
    credit.setUpToIndex(77);
  });
}

std::string id_of(const Frame& frame) {
  auto id =
      read_frame<std::string, wire::ClientMessage>(frame, {}, [](const wire::ClientMessage::Reader& reader, Reading&) {
        return std::string(reader.getCredit().getRequestId());
      });
  return id.ok() ? *id : to_string(id.error());
}

TEST_SUITE("transport/codec/wire_frame") {
  TEST_CASE("build_frame: is exact and aligned where the estimate was enough") {
    const Frame frame = credit_frame(4096, "abc");
    CHECK(frame.size() == 8 + 8 * (1 + 2 + 2 + 1));  // Table, root pointer, union, credit, text.
    CHECK(frame.is_aligned(Frame::kAlignment));
    CHECK(id_of(frame) == "abc");
  }

  TEST_CASE("build_frame: an estimate that was too small costs segments and not correctness") {
    const std::string id(100'000, 'x');
    const Frame frame = credit_frame(0, id);
    std::uint32_t further_segments = 0;
    std::memcpy(&further_segments, frame.bytes().data(), sizeof further_segments);
    CHECK(further_segments == 1);
    CHECK(id_of(frame) == id);
  }

  TEST_CASE("frame_words: refuses what is empty or too large or no whole number of words") {
    const Frame frame = credit_frame(256, "abc");
    const auto refusal = [&](std::size_t bytes) {
      return frame_words(Frame(frame.owner(), frame.bytes().first(bytes)), {}).error().message;
    };
    CHECK(refusal(0) == "frame is empty");
    CHECK(refusal(15) == "frame has 15 bytes, which is no whole number of words");
    CHECK(frame_words(frame, {.message_bytes_max = frame.size()}).ok());
    CHECK(frame_words(frame, {.message_bytes_max = frame.size() - 1}).error().message ==
          "frame has 56 bytes, limit 55");
  }

  TEST_CASE("frame_words: adopts an aligned frame and copies another") {
    FrameBuilder builder(24);
    const Frame aligned = std::move(builder).freeze();
    const Frame unaligned(aligned.owner(), aligned.bytes().subspan(4, 16));
    const auto pointer = [](const Frame& frame) {
      return static_cast<const void*>(frame_words(frame, {})->words.begin());
    };
    CHECK(pointer(aligned) == aligned.bytes().data());
    CHECK(pointer(unaligned) != unaligned.bytes().data());
  }

  TEST_CASE("read_frame: refuses bytes beyond the message") {
    const Frame frame = credit_frame(256, "abc");
    FrameBuilder builder(frame.size() + 8);
    std::memset(builder.bytes().data(), 0, builder.bytes().size());
    std::memcpy(builder.bytes().data(), frame.bytes().data(), frame.size());
    CHECK(id_of(std::move(builder).freeze()) == "protocol_violation: frame has bytes beyond its message");
  }
}

}  // namespace
}  // namespace sluice::transport::codec
