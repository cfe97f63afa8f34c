// Recordings with known contents: message n of a seed is the same wherever it is made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transport/recording/encoder.h"
#include "transport/recording/reader.h"

namespace sluice::transport {

struct KnownMessage {
  std::uint64_t time_us = 0;
  std::uint32_t connection = 0;
  RecordedLink link = RecordedLink::kIngress;
  Frame frame;

  // As it came out of a reader.
  bool is(const RecordedMessage& message) const;
};

// The n-th message is a pure function of (seed, n): random client messages, answers, and bytes that are neither.
KnownMessage known_message(std::uint64_t seed, std::uint64_t number);
std::vector<KnownMessage> known_messages(std::uint64_t seed, std::size_t count);

RecordingHeader known_header(std::uint64_t salt = 0x1234'5678'9abc'def0);

// A closed recording of them.
Bytes encode_recording(const std::vector<KnownMessage>& messages);

struct ReadResult {
  std::vector<RecordedMessage> messages;
  std::uint64_t losses = 0;
  std::uint64_t gap_messages = 0;
  std::uint64_t damages = 0;
  std::uint64_t damaged_records = 0;
  RecordingEnd end;

  bool is_whole() const { return damages == 0 && end.torn_bytes == 0 && end.is_closed; }
};

ReadResult read_all(RecordingReader& reader);
// Nothing: it cannot be opened.
std::optional<ReadResult> read_bytes(const Bytes& bytes);

}  // namespace sluice::transport
