#include "transport/recording/format.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>

#include "base/check.h"

namespace sluice::transport {

namespace {

constexpr std::array<char, 8> kFileMagic = {'S', 'L', 'U', 'I', 'C', 'R', 'E', 'C'};
constexpr std::array<char, 8> kTrailerMagic = {'S', 'L', 'U', 'I', 'C', 'E', 'N', 'D'};
constexpr std::uint32_t kRecordMagic = 0x5d'c3'ec'a5;
constexpr std::size_t kTextBytesMax = 4096;
constexpr std::size_t kFixedBodyBytes = 32;
constexpr std::size_t kHeaderTailBytes = 8;  // Checksum and padding.
constexpr std::size_t kIndexEntryBytes = 24;
constexpr std::uint32_t kIngressBit = 1;
constexpr std::uint32_t kResponsesBit = 2;

template <std::unsigned_integral T>
void put(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

template <std::unsigned_integral T>
T get(std::span<const std::byte> bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(bytes[at + i]) << (8 * i)));
  }
  return value;
}

void put(Bytes& out, std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  out.insert(out.end(), bytes, bytes + text.size());
}

void pad(Bytes& out) {
  while (out.size() % kRecordAlignment != 0) out.push_back(std::byte{0});
}

std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t start = 0) {
  if (bytes.empty()) return start;  // zlib takes a null pointer for something else.
  return static_cast<std::uint32_t>(crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::uint32_t checksum_of(std::uint64_t salt, std::uint64_t offset) {
  Bytes prefix;
  prefix.reserve(16);
  put(prefix, salt);
  put(prefix, offset);
  return checksum(prefix);
}

std::string text_at(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes.data()) + at, size};
}

bool starts_with(std::span<const std::byte> bytes, const std::array<char, 8>& magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

bool is_known(RecordKind kind, RecordedLink link) {
  if (kind < RecordKind::kMessage || kind > RecordKind::kIndex || link > RecordedLink::kResponses) return false;
  return (kind == RecordKind::kMessage) == (link != RecordedLink::kNone);
}

Error damaged_header() {
  return {ErrorCode::kInvalidRequest, "the recording's header is damaged"};
}

}  // namespace

std::string_view to_string(RecordedLink link) {
  switch (link) {
    case RecordedLink::kIngress: return "ingress";
    case RecordedLink::kResponses: return "responses";
    case RecordedLink::kNone: break;
  }
  return "none";
}

std::uint32_t payload_checksum(std::uint64_t salt, std::span<const std::byte> payload) {
  constexpr std::array<std::byte, kRecordAlignment> kPadding{};
  const std::size_t padding_bytes = (kRecordAlignment - payload.size() % kRecordAlignment) % kRecordAlignment;
  return checksum(std::span(kPadding).first(padding_bytes), checksum(payload, checksum_of(salt, 0)));
}

void append_recording_header(const RecordingHeader& header, Bytes& out) {
  const std::size_t begin = out.size();
  const std::string_view model = std::string_view(header.model).substr(0, kTextBytesMax);
  const std::string_view topology = std::string_view(header.topology).substr(0, kTextBytesMax);
  Bytes body;
  put(body, header.salt);
  put(body, header.started_unix_us);
  put(body, header.protocol_version);
  put(body, (header.has_ingress ? kIngressBit : 0u) | (header.has_responses ? kResponsesBit : 0u));
  put(body, static_cast<std::uint32_t>(model.size()));
  put(body, static_cast<std::uint32_t>(topology.size()));
  put(body, model);
  put(body, topology);
  pad(body);
  put(out, std::string_view(kFileMagic.data(), kFileMagic.size()));
  put(out, kRecordingVersion);
  put(out, static_cast<std::uint32_t>(body.size()));
  out.insert(out.end(), body.begin(), body.end());
  put(out, checksum(std::span(out).subspan(begin)));
  put(out, std::uint32_t{0});
}

Result<std::size_t> recording_header_bytes(std::span<const std::byte> head) {
  if (head.size() < kFileHeadBytes || !starts_with(head, kFileMagic)) {
    return Error{ErrorCode::kInvalidRequest, "the file is no recording"};
  }
  if (const auto version = get<std::uint32_t>(head, 8); version != kRecordingVersion) {
    return Error{ErrorCode::kUnsupportedVersion, "the recording has format version " + std::to_string(version) +
                                                     ", this program reads " + std::to_string(kRecordingVersion)};
  }
  const auto body = get<std::uint32_t>(head, 12);
  const std::size_t size = std::size_t{body} + kFileHeadBytes + kHeaderTailBytes;
  if (body < kFixedBodyBytes || body % kRecordAlignment != 0 || size > kFileHeaderBytesMax) return damaged_header();
  return size;
}

Result<RecordingHeader> decode_recording_header(std::span<const std::byte> bytes) {
  const Result<std::size_t> size = recording_header_bytes(bytes);
  if (!size.ok()) return size.error();
  if (bytes.size() < *size) return damaged_header();
  const std::size_t end = *size - kHeaderTailBytes;
  if (get<std::uint64_t>(bytes, end) != checksum(bytes.first(end))) return damaged_header();
  const auto body = bytes.subspan(kFileHeadBytes, end - kFileHeadBytes);
  const auto model_bytes = get<std::uint32_t>(body, 24);
  const auto topology_bytes = get<std::uint32_t>(body, 28);
  if (std::uint64_t{model_bytes} + topology_bytes > body.size() - kFixedBodyBytes) return damaged_header();
  RecordingHeader header;
  header.salt = get<std::uint64_t>(body, 0);
  header.started_unix_us = get<std::uint64_t>(body, 8);
  header.protocol_version = get<std::uint32_t>(body, 16);
  header.has_ingress = (get<std::uint32_t>(body, 20) & kIngressBit) != 0;
  header.has_responses = (get<std::uint32_t>(body, 20) & kResponsesBit) != 0;
  header.model = text_at(body, kFixedBodyBytes, model_bytes);
  header.topology = text_at(body, kFixedBodyBytes + model_bytes, topology_bytes);
  return header;
}

void append_record(std::uint64_t salt, std::uint64_t offset, RecordHead head, std::span<const std::byte> payload,
                   Bytes& out) {
  SLUICE_CHECK_LE(payload.size(), kRecordPayloadBytesMax);
  SLUICE_CHECK_EQ(out.size() % kRecordAlignment, 0u);
  const std::size_t begin = out.size();
  put(out, kRecordMagic);
  put(out, static_cast<std::uint32_t>(payload.size()));
  put(out, head.number);
  put(out, head.time_us);
  put(out, head.connection);
  put(out, static_cast<std::uint8_t>(head.kind));
  put(out, static_cast<std::uint8_t>(head.link));
  put(out, std::uint16_t{0});
  put(out, payload_checksum(salt, payload));
  put(out, checksum(std::span(out).subspan(begin), checksum_of(salt, offset)));
  out.insert(out.end(), payload.begin(), payload.end());
  pad(out);
}

std::optional<RecordHead> decode_record_head(std::uint64_t salt, std::uint64_t offset,
                                             std::span<const std::byte> bytes) {
  if (bytes.size() < kRecordHeadBytes || get<std::uint32_t>(bytes, 0) != kRecordMagic) return std::nullopt;
  constexpr std::size_t kChecksumAt = kRecordHeadBytes - 4;
  if (get<std::uint32_t>(bytes, kChecksumAt) != checksum(bytes.first(kChecksumAt), checksum_of(salt, offset))) {
    return std::nullopt;
  }
  RecordHead head;
  head.payload_bytes = get<std::uint32_t>(bytes, 4);
  head.number = get<std::uint64_t>(bytes, 8);
  head.time_us = get<std::uint64_t>(bytes, 16);
  head.connection = get<std::uint32_t>(bytes, 24);
  head.kind = static_cast<RecordKind>(bytes[28]);
  head.link = static_cast<RecordedLink>(bytes[29]);
  head.payload_checksum = get<std::uint32_t>(bytes, 32);
  if (!is_known(head.kind, head.link) || head.payload_bytes > kRecordPayloadBytesMax) return std::nullopt;
  return head;
}

Bytes encode_gap(std::uint64_t num_messages) {
  Bytes payload;
  put(payload, num_messages);
  return payload;
}

std::optional<std::uint64_t> decode_gap(std::span<const std::byte> payload) {
  if (payload.size() != sizeof(std::uint64_t)) return std::nullopt;
  return get<std::uint64_t>(payload, 0);
}

Bytes encode_index(const std::vector<IndexEntry>& entries) {
  Bytes payload;
  payload.reserve(entries.size() * kIndexEntryBytes);
  for (const IndexEntry& entry : entries) {
    put(payload, entry.offset);
    put(payload, entry.number);
    put(payload, entry.time_us);
  }
  return payload;
}

std::optional<std::vector<IndexEntry>> decode_index(std::span<const std::byte> payload) {
  if (payload.size() % kIndexEntryBytes != 0) return std::nullopt;
  std::vector<IndexEntry> entries;
  for (std::size_t at = 0; at < payload.size(); at += kIndexEntryBytes) {
    entries.push_back(
        {get<std::uint64_t>(payload, at), get<std::uint64_t>(payload, at + 8), get<std::uint64_t>(payload, at + 16)});
  }
  return entries;
}

void append_trailer(std::uint64_t salt, std::uint64_t index_offset, Bytes& out) {
  put(out, index_offset);
  put(out, std::uint64_t{checksum_of(salt, index_offset)});
  put(out, std::string_view(kTrailerMagic.data(), kTrailerMagic.size()));
}

std::optional<std::uint64_t> decode_trailer(std::uint64_t salt, std::span<const std::byte> bytes) {
  if (bytes.size() != kTrailerBytes || !starts_with(bytes.subspan(16), kTrailerMagic)) return std::nullopt;
  const auto index_offset = get<std::uint64_t>(bytes, 0);
  if (get<std::uint64_t>(bytes, 8) != checksum_of(salt, index_offset)) return std::nullopt;
  return index_offset;
}

}  // namespace sluice::transport
