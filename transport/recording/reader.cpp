#include "transport/recording/reader.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace sluice::transport {

Result<RecordingReader> RecordingReader::open(const std::string& path) {
  auto source = FileSource::open(path);
  if (!source.ok()) return std::move(source).error();
  auto reader = open(std::unique_ptr<RecordingSource>(std::move(*source)));
  if (reader.ok()) return reader;
  Error error = std::move(reader).error();
  error.message = "'" + path + "': " + error.message;
  return error;
}

Result<RecordingReader> RecordingReader::open(std::unique_ptr<RecordingSource> source) {
  Bytes bytes(static_cast<std::size_t>(std::min<std::uint64_t>(source->size_bytes(), kFileHeadBytes)));
  if (!source->read(0, bytes)) bytes.clear();
  const Result<std::size_t> size = recording_header_bytes(bytes);
  if (!size.ok()) return size.error();
  bytes.resize(*size);
  if (!source->read(0, bytes)) {
    return Error{ErrorCode::kInvalidRequest, "the recording ends within its header"};
  }
  auto header = decode_recording_header(bytes);
  if (!header.ok()) return std::move(header).error();
  return RecordingReader(std::move(source), *std::move(header), *size);
}

RecordingReader::RecordingReader(std::unique_ptr<RecordingSource> source, RecordingHeader header,
                                 std::uint64_t first_offset)
    : source_(std::move(source)), header_(std::move(header)), first_offset_(first_offset), offset_(first_offset) {}

std::optional<RecordedItem> RecordingReader::next() {
  if (offset_ >= source_->size_bytes()) return std::nullopt;
  const std::uint64_t offset = offset_;
  const std::optional<RecordHead> head = head_at(offset);
  if (!head) {
    const std::optional<std::uint64_t> behind = next_head(offset);
    if (!behind) {
      finish(offset);
      return std::nullopt;
    }
    const std::uint64_t number = head_at(*behind)->number;
    const std::uint64_t lost = number > next_number_ ? number - next_number_ : 0;
    offset_ = *behind;
    next_number_ = number;
    return RecordedDamage{offset, *behind - offset, lost};
  }
  offset_ = offset + head->size_bytes();
  next_number_ = head->number + 1;
  std::optional<Frame> payload = payload_of(*head, offset);
  if (!payload) return RecordedDamage{offset, head->size_bytes(), 1};
  switch (head->kind) {
    case RecordKind::kMessage:
      return RecordedMessage{offset, head->time_us, head->connection, head->link, *std::move(payload)};
    case RecordKind::kLost: return RecordedLoss{head->time_us, head->connection};
    case RecordKind::kGap:
      if (const auto messages = decode_gap(payload->bytes())) return RecordedGap{head->time_us, *messages};
      return RecordedDamage{offset, head->size_bytes(), 1};
    case RecordKind::kIndex: break;
  }
  end_.is_closed = true;
  finish(offset_);
  return std::nullopt;
}

// A trailer is no torn tail.
void RecordingReader::finish(std::uint64_t torn_offset) {
  const std::uint64_t size = source_->size_bytes();
  offset_ = size;
  std::array<std::byte, kTrailerBytes> trailer{};
  const bool has_trailer = size - torn_offset == kTrailerBytes && source_->read(torn_offset, trailer) &&
                           decode_trailer(header_.salt, trailer).has_value();
  if (has_trailer) return;
  end_.torn_offset = torn_offset;
  end_.torn_bytes = size - torn_offset;
}

std::optional<RecordHead> RecordingReader::head_at(std::uint64_t offset) const {
  std::array<std::byte, kRecordHeadBytes> bytes{};
  if (!source_->read(offset, bytes)) return std::nullopt;
  auto head = decode_record_head(header_.salt, offset, bytes);
  // One whose payload is cut off is torn.
  if (head && head->size_bytes() > source_->size_bytes() - offset) return std::nullopt;
  return head;
}

std::optional<Frame> RecordingReader::payload_of(const RecordHead& head, std::uint64_t offset) const {
  const auto padded_bytes = static_cast<std::size_t>(head.size_bytes() - kRecordHeadBytes);
  FrameBuilder builder(padded_bytes);
  if (!source_->read(offset + kRecordHeadBytes, builder.bytes())) return std::nullopt;
  if (payload_checksum(header_.salt, builder.bytes()) != head.payload_checksum) return std::nullopt;
  const Frame padded = std::move(builder).freeze();
  return Frame(padded.owner(), padded.bytes().first(head.payload_bytes));
}

std::optional<std::uint64_t> RecordingReader::next_head(std::uint64_t offset) const {
  const std::uint64_t size = source_->size_bytes();
  for (offset += kRecordAlignment; offset < size && size - offset >= kRecordHeadBytes; offset += kRecordAlignment) {
    if (head_at(offset)) return offset;
  }
  return std::nullopt;
}

std::optional<RecordedMessage> RecordingReader::read_message(std::uint64_t offset) const {
  const std::optional<RecordHead> head = head_at(offset);
  if (!head || head->kind != RecordKind::kMessage) return std::nullopt;
  std::optional<Frame> payload = payload_of(*head, offset);
  if (!payload) return std::nullopt;
  return RecordedMessage{offset, head->time_us, head->connection, head->link, *std::move(payload)};
}

void RecordingReader::seek(std::uint64_t time_us) {
  if (!index_) load_index();
  const auto at_or_after = [](const IndexEntry& entry, std::uint64_t time) { return entry.time_us < time; };
  auto entry = std::lower_bound(index_->begin(), index_->end(), time_us, at_or_after);
  if (entry != index_->begin()) --entry;  // Its later records may be the first of that time.
  if (entry == index_->end()) return;
  offset_ = entry->offset;
  next_number_ = entry->number;
  end_ = {};
}

void RecordingReader::load_index() {
  const std::uint64_t size = source_->size_bytes();
  std::array<std::byte, kTrailerBytes> trailer{};
  if (size >= kTrailerBytes && source_->read(size - kTrailerBytes, trailer)) {
    const auto offset = decode_trailer(header_.salt, trailer);
    const auto head = offset ? head_at(*offset) : std::nullopt;
    const auto payload = head && head->kind == RecordKind::kIndex ? payload_of(*head, *offset) : std::nullopt;
    if (payload) index_ = decode_index(payload->bytes());
  }
  if (!index_) rebuild_index();
}

void RecordingReader::rebuild_index() {
  index_.emplace();
  std::optional<std::uint64_t> offset = head_at(first_offset_) ? first_offset_ : next_head(first_offset_);
  while (offset) {
    const RecordHead head = *head_at(*offset);
    if (index_->empty() || *offset - index_->back().offset >= kIndexBlockBytes) {
      index_->push_back({*offset, head.number, head.time_us});
    }
    const std::uint64_t behind = *offset + head.size_bytes();
    offset = head_at(behind) ? behind : next_head(behind);
  }
}

}  // namespace sluice::transport
