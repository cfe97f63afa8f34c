#include "transport/codec/link_codec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "tests/support/random_messages.h"

namespace sluice::transport {
namespace {

using test::equal;
using test::RandomMessages;

StageBatch batch_with_hidden(std::uint32_t rows, std::uint32_t columns) {
  auto values = std::make_shared<std::vector<float>>(std::size_t{rows} * columns);
  for (std::size_t i = 0; i < values->size(); ++i) (*values)[i] = static_cast<float>(i);
  StageBatch batch{.epoch = {3}, .step = {9}, .token_ids = std::vector<TokenId>(rows, 5)};
  batch.hidden = {rows, columns, values, *values};
  return batch;
}

// The same bytes at an address that is `offset` past an aligned one.
Frame shifted(const Frame& frame, std::size_t offset) {
  FrameBuilder builder(frame.size() + offset);
  std::memcpy(builder.bytes().data() + offset, frame.bytes().data(), frame.size());
  const Frame whole = std::move(builder).freeze();
  return Frame(whole.owner(), whole.bytes().subspan(offset));
}

TEST_SUITE("transport/codec/link_codec") {
  TEST_CASE("LinkMessage: every kind comes back as it went") {
    RandomMessages random(1);
    for (int round = 0; round < 200; ++round) {
      for (std::size_t kind = 0; kind < std::variant_size_v<LinkMessage>; ++kind) {
        const LinkMessage sent = random.link_message(kind);
        const auto received = decode_link_message(encode(sent));
        REQUIRE(received.ok());
        CHECK(equal(*received, sent));
      }
    }
  }

  TEST_CASE("fast path: encodes to the same bytes as a LinkMessage of it") {
    RandomMessages random(2);
    const auto same = [](const Message& a, const Message& b) {
      return std::ranges::equal(
          a, b, [](const Frame& x, const Frame& y) { return std::ranges::equal(x.bytes(), y.bytes()); });
    };
    for (int round = 0; round < 50; ++round) {
      const LinkMessage batch = random.link_message(3);
      const LinkMessage result = random.link_message(4);
      const LinkMessage tokens = random.link_message(9);
      const LinkMessage answers = random.link_message(13);
      CHECK(same(encode(std::get<StageBatch>(batch)), encode(batch)));
      CHECK(same(encode(std::get<StepResult>(result)), encode(result)));
      CHECK(same(encode(std::get<StepTokens>(tokens)), encode(tokens)));
      CHECK(same(encode(std::get<ClientAnswers>(answers)), encode(answers)));
    }
  }

  TEST_CASE("fast path: a large batch is one segment") {
    StageBatch batch{.epoch = {1}, .step = {1}, .token_ids = std::vector<TokenId>(4096, 1)};
    batch.entries.resize(64);
    for (auto& entry : batch.entries) entry.block_table.resize(300);
    batch.opened.resize(64);
    for (auto& opening : batch.opened) opening.history.resize(100);

    std::uint32_t further_segments = 1;
    std::memcpy(&further_segments, encode(batch)[0].bytes().data(), sizeof further_segments);
    CHECK(further_segments == 0);
  }

  TEST_CASE("hidden states: are not copied either way and keep their memory alive") {
    StageBatch batch = batch_with_hidden(3, 8);
    const float* memory = batch.hidden.values.data();
    Message message = encode(batch);
    REQUIRE(message.size() == 2);
    CHECK(static_cast<const void*>(message[1].bytes().data()) == memory);

    auto decoded = decode_link_message(message);
    REQUIRE(decoded.ok());
    const std::weak_ptr<const void> owner = batch.hidden.owner;
    batch = {};
    message.clear();
    const auto& received = std::get<StageBatch>(*decoded);
    CHECK(received.hidden.values.data() == memory);
    CHECK(received.hidden.values[23] == 23.0f);
    CHECK_FALSE(owner.expired());
    decoded = LinkMessage(SequenceCancel{});
    CHECK(owner.expired());
  }

  TEST_CASE("frames: may lie at any address") {
    const StageBatch batch = batch_with_hidden(2, 5);
    const Message message = encode(batch);
    for (std::size_t offset = 0; offset < 16; ++offset) {
      const auto decoded = decode_link_message({shifted(message[0], offset), shifted(message[1], 15 - offset)});
      REQUIRE(decoded.ok());
      CHECK(equal(*decoded, LinkMessage(batch)));
      const auto address = reinterpret_cast<std::uintptr_t>(std::get<StageBatch>(*decoded).hidden.values.data());
      CHECK(address % alignof(float) == 0);
    }
  }

  TEST_CASE("hidden states: a tensor that is missing or unasked for or of another size is refused") {
    const Message with = encode(batch_with_hidden(2, 5));
    const Message without = encode(batch_with_hidden(0, 5));
    REQUIRE(without.size() == 1);

    CHECK(decode_link_message({with[0]}).error().message == "message has 1 frames, expected 2");
    CHECK(decode_link_message({without[0], with[1]}).error().message == "message has 2 frames, expected 1");
    CHECK(decode_link_message({with[0], with[1], with[1]}).error().message == "message has 3 frames, expected 2");
    for (const std::size_t bytes : {0u, 1u, 39u, 36u}) {
      const Frame cut(with[1].owner(), with[1].bytes().first(bytes));
      const auto decoded = decode_link_message({with[0], cut});
      REQUIRE_FALSE(decoded.ok());
      CHECK(decoded.error().message == "tensor has " + std::to_string(bytes) + " bytes, but is to hold 2 x 5 f32");
    }
    CHECK(decode_link_message({}).error().code == ErrorCode::kProtocolViolation);
  }

  TEST_CASE("hidden states: a claim whose bytes exceed 64 bits is refused") {
    StageBatch batch;
    batch.hidden.rows = 1u << 31;
    batch.hidden.columns = 1u << 31;  // rows * columns * 4 is 0 modulo 2^64.
    // encode() would abort on it, so the claim is planted into the bytes of an honest message.
    StageBatch small;
    small.hidden.rows = 0x01234567;
    const Message honest = encode(small);
    FrameBuilder forged(honest[0].size());
    std::memcpy(forged.bytes().data(), honest[0].bytes().data(), honest[0].size());
    const std::uint32_t honest_shape[2] = {0x01234567, 0};
    bool planted = false;
    for (std::size_t at = 0; at + 8 <= honest[0].size() && !planted; at += 4) {
      if (std::memcmp(forged.bytes().data() + at, honest_shape, 8) != 0) continue;
      std::memcpy(forged.bytes().data() + at, &batch.hidden.rows, 4);
      std::memcpy(forged.bytes().data() + at + 4, &batch.hidden.columns, 4);
      planted = true;
    }
    REQUIRE(planted);
    const Frame frame = std::move(forged).freeze();
    CHECK(decode_link_message({frame, Frame()}).error().message ==
          "tensor has 0 bytes, but is to hold 2147483648 x 2147483648 f32");
    CHECK_FALSE(decode_link_message({frame}).ok());
  }

  TEST_CASE("hidden states: a tensor beyond the limit is refused") {
    const Message message = encode(batch_with_hidden(2, 5));
    CHECK(decode_link_message(message, {.tensor_bytes_max = 40}).ok());
    CHECK(decode_link_message(message, {.tensor_bytes_max = 39}).error().message == "tensor has 40 bytes, limit 39");
  }
}

}  // namespace
}  // namespace sluice::transport
