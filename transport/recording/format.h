// The bytes of a recording: file header, records, index, trailer. docs/RECORDING.md has the table.
//
// Everything is little-endian and starts at a multiple of 8. A checksum covers the number that was drawn for the file,
// and that of a record's head its place in the file: no bytes but a record's own, where it was written, pass for it.
//
// Thread:  pure functions.
// Errors:  bytes are hostile: decoders give nothing for what is not exactly a record.
// Units:   bytes, and microseconds since the recording's start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::transport {

inline constexpr std::uint32_t kRecordingVersion = 1;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::size_t kFileHeadBytes = 16;  // What says how long the header is.
inline constexpr std::size_t kFileHeaderBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kRecordHeadBytes = 40;
inline constexpr std::size_t kRecordPayloadBytesMax = std::size_t{512} << 20;
inline constexpr std::size_t kTrailerBytes = 24;
inline constexpr std::uint64_t kIndexBlockBytes = 256u << 10;  // An index entry for each.

enum class RecordKind : std::uint8_t {
  kMessage = 1,  // Payload: one frame of a client, or to one.
  kLost = 2,     // The connection ended.
  kGap = 3,      // Payload: how many messages are missing here.
  kIndex = 4,    // The last record of a file that was closed.
};

enum class RecordedLink : std::uint8_t { kNone = 0, kIngress = 1, kResponses = 2 };
std::string_view to_string(RecordedLink link);

// What stands at the beginning of a file.
struct RecordingHeader {
  std::uint64_t salt = 0;  // Drawn for the file.
  std::uint64_t started_unix_us = 0;
  std::uint32_t protocol_version = 0;  // Of the messages.
  bool has_ingress = false;            // Which links were recorded.
  bool has_responses = false;
  std::string model;     // Name of its directory; at most 4096 bytes, as is
  std::string topology;  // its stages in words.

  friend bool operator==(const RecordingHeader&, const RecordingHeader&) = default;
};

struct RecordHead {
  std::uint32_t payload_bytes = 0;
  std::uint64_t number = 0;  // Counts the file's records from 0.
  std::uint64_t time_us = 0;
  std::uint32_t connection = 0;  // Counts connections from 1; 0: none.
  RecordKind kind = RecordKind::kMessage;
  RecordedLink link = RecordedLink::kNone;
  std::uint32_t payload_checksum = 0;

  // With head and padding.
  std::uint64_t size_bytes() const {
    return kRecordHeadBytes + (payload_bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  }

  friend bool operator==(const RecordHead&, const RecordHead&) = default;
};

// The first record of a block.
struct IndexEntry {
  std::uint64_t offset = 0;
  std::uint64_t number = 0;
  std::uint64_t time_us = 0;

  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

using Bytes = std::vector<std::byte>;

// The padding behind it, which is zeros, included.
std::uint32_t payload_checksum(std::uint64_t salt, std::span<const std::byte> payload);

void append_recording_header(const RecordingHeader& header, Bytes& out);
// The header's whole size from its first kFileHeadBytes. kInvalidRequest: no recording; kUnsupportedVersion.
Result<std::size_t> recording_header_bytes(std::span<const std::byte> head);
// kInvalidRequest: damaged.
Result<RecordingHeader> decode_recording_header(std::span<const std::byte> bytes);

// The record that stands at `offset`; fills in the checksum.
void append_record(std::uint64_t salt, std::uint64_t offset, RecordHead head, std::span<const std::byte> payload,
                   Bytes& out);
std::optional<RecordHead> decode_record_head(std::uint64_t salt, std::uint64_t offset,
                                             std::span<const std::byte> bytes);

Bytes encode_gap(std::uint64_t num_messages);
std::optional<std::uint64_t> decode_gap(std::span<const std::byte> payload);

Bytes encode_index(const std::vector<IndexEntry>& entries);
std::optional<std::vector<IndexEntry>> decode_index(std::span<const std::byte> payload);

// Stands at the very end: where the index is.
void append_trailer(std::uint64_t salt, std::uint64_t index_offset, Bytes& out);
std::optional<std::uint64_t> decode_trailer(std::uint64_t salt, std::span<const std::byte> bytes);

}  // namespace sluice::transport
