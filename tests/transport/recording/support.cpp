#include "tests/transport/recording/support.h"

#include <algorithm>

#include "base/random.h"
#include "tests/support/random_messages.h"
#include "transport/codec/client_codec.h"

namespace sluice::transport {

namespace {

Frame random_bytes(SplitMix64& random) {
  FrameBuilder builder(static_cast<std::size_t>(random.below(100)));
  for (std::byte& byte : builder.bytes()) byte = static_cast<std::byte>(random.below(256));
  return std::move(builder).freeze();
}

}  // namespace

bool KnownMessage::is(const RecordedMessage& message) const {
  return message.time_us == time_us && message.connection == connection && message.link == link &&
         std::ranges::equal(message.frame.bytes(), frame.bytes());
}

KnownMessage known_message(std::uint64_t seed, std::uint64_t number) {
  SplitMix64 random(seed * 1'000'003 + number);
  test::RandomMessages messages(random.next());
  KnownMessage known;
  known.time_us = number * 100 + random.below(100);
  known.connection = static_cast<std::uint32_t>(1 + random.below(5));
  switch (random.below(5)) {
    case 0: known.frame = random_bytes(random); break;
    case 1:
    case 2: known.frame = encode(messages.client_message())[0]; break;
    default: known.link = RecordedLink::kResponses; known.frame = encode(messages.server_message())[0];
  }
  return known;
}

std::vector<KnownMessage> known_messages(std::uint64_t seed, std::size_t count) {
  std::vector<KnownMessage> messages;
  for (std::size_t i = 0; i < count; ++i) messages.push_back(known_message(seed, i));
  return messages;
}

RecordingHeader known_header(std::uint64_t salt) {
  return {salt, 1'700'000'000'000'000, 1, true, true, "storyteller", "layers 0-5 on head/cpu:0"};
}

Bytes encode_recording(const std::vector<KnownMessage>& messages) {
  RecordingEncoder encoder(known_header());
  encoder.begin();
  for (const KnownMessage& message : messages) {
    encoder.message(message.time_us, message.link, message.connection, message.frame.bytes());
  }
  encoder.end(messages.empty() ? 0 : messages.back().time_us);
  return encoder.bytes();
}

ReadResult read_all(RecordingReader& reader) {
  ReadResult result;
  while (auto item = reader.next()) {
    if (auto* message = std::get_if<RecordedMessage>(&*item)) {
      result.messages.push_back(std::move(*message));
    } else if (const auto* gap = std::get_if<RecordedGap>(&*item)) {
      result.gap_messages += gap->num_messages;
    } else if (const auto* damage = std::get_if<RecordedDamage>(&*item)) {
      ++result.damages;
      result.damaged_records += damage->num_records;
    } else {
      ++result.losses;
    }
  }
  result.end = reader.end();
  return result;
}

std::optional<ReadResult> read_bytes(const Bytes& bytes) {
  auto reader = RecordingReader::open(std::make_unique<MemorySource>(bytes));
  if (!reader.ok()) return std::nullopt;
  return read_all(*reader);
}

}  // namespace sluice::transport
