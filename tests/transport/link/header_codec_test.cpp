#include "transport/link/header_codec.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "base/random.h"

using namespace sluice;
using namespace sluice::transport;

namespace {

LinkHeader random_header(SplitMix64& random) {
  LinkHeader header;
  header.kind = static_cast<LinkKind>(1 + random.below(7));
  header.reason = static_cast<RejectReason>(random.below(4));
  header.sender_incarnation = 1 + random.next() / 2;
  header.receiver_incarnation = random.next();
  header.session = random.next();
  header.attempt = 1 + random.next() / 2;
  header.epoch = 1 + random.next() / 2;
  header.sequence = random.next();
  header.received = random.next();
  header.consumed = random.next();
  header.max_messages = random.next();
  header.max_bytes = random.next();
  header.missing_last = random.next();
  header.held_us = random.next();
  return header;
}

std::vector<std::byte> copy_of(const Frame& frame) {
  return {frame.bytes().begin(), frame.bytes().end()};
}

}  // namespace

TEST_SUITE("transport/link/header_codec") {
  TEST_CASE("a header survives encoding and decoding, from any alignment") {
    SplitMix64 random(1);
    for (int i = 0; i < 200; ++i) {
      const LinkHeader header = random_header(random);
      const Frame frame = encode_header(header);
      std::vector<std::byte> shifted(frame.size() + 1);
      std::memcpy(shifted.data() + 1, frame.bytes().data(), frame.size());
      const auto decoded = decode_header(std::span(shifted).subspan(1));
      REQUIRE(decoded.ok());
      CHECK(*decoded == header);
    }
  }

  TEST_CASE("a header cut short is refused at every length") {
    SplitMix64 random(2);
    const auto bytes = copy_of(encode_header(random_header(random)));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      CAPTURE(length);
      const auto decoded = decode_header(std::span(bytes).first(length));
      REQUIRE_FALSE(decoded.ok());
      CHECK(decoded.error().code == ErrorCode::kProtocolViolation);
    }
  }

  TEST_CASE("random bytes and flipped bits never crash, and what they decode to is of a known kind") {
    SplitMix64 random(3);
    int refused = 0;
    for (int i = 0; i < 20000; ++i) {
      auto bytes = copy_of(encode_header(random_header(random)));
      if (i % 2 == 0) {
        for (std::byte& b : bytes) b = static_cast<std::byte>(random.below(256));
      } else {
        const std::size_t bit = random.below(bytes.size() * 8);
        bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      }
      const auto decoded = decode_header(bytes);
      if (!decoded.ok()) {
        ++refused;
        continue;
      }
      CHECK(decoded->kind >= LinkKind::kOpen);
      CHECK(decoded->kind <= LinkKind::kClose);
      CHECK(decoded->reason <= RejectReason::kStaleEpoch);
      CHECK(decoded->sender_incarnation != 0);
    }
    CHECK(refused > 9000);
  }

  TEST_CASE("a header of another version is refused as such") {
    SplitMix64 random(4);
    auto bytes = copy_of(encode_header(random_header(random)));
    bytes[16] = std::byte{9};  // First field behind the segment table and the root pointer.
    const auto decoded = decode_header(bytes);
    REQUIRE_FALSE(decoded.ok());
    CHECK(decoded.error().code == ErrorCode::kUnsupportedVersion);
  }

  TEST_CASE("a header beyond the limit is refused unread") {
    const std::vector<std::byte> bytes(kMaxHeaderBytes + 8);
    CHECK(decode_header(bytes).error().code == ErrorCode::kProtocolViolation);
  }

  TEST_CASE("a header without sender, attempt or epoch is refused") {
    SplitMix64 random(5);
    for (int field = 0; field < 3; ++field) {
      LinkHeader header = random_header(random);
      (field == 0 ? header.sender_incarnation : field == 1 ? header.attempt : header.epoch) = 0;
      CHECK_FALSE(decode_header(encode_header(header).bytes()).ok());
    }
  }
}
