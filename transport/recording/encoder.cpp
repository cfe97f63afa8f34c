#include "transport/recording/encoder.h"

namespace sluice::transport {

void RecordingEncoder::begin() {
  rollback();
  if (offset_ == 0) append_recording_header(header_, bytes_);
}

void RecordingEncoder::message(std::uint64_t time_us, RecordedLink link, std::uint32_t connection,
                               std::span<const std::byte> frame) {
  append({.time_us = time_us, .connection = connection, .kind = RecordKind::kMessage, .link = link}, frame);
}

void RecordingEncoder::lost(std::uint64_t time_us, std::uint32_t connection) {
  append({.time_us = time_us, .connection = connection, .kind = RecordKind::kLost}, {});
}

void RecordingEncoder::gap(std::uint64_t time_us, std::uint64_t num_messages) {
  append({.time_us = time_us, .kind = RecordKind::kGap}, encode_gap(num_messages));
}

void RecordingEncoder::end(std::uint64_t time_us) {
  const Bytes index = encode_index(index_);
  const std::uint64_t index_offset = offset_ + bytes_.size();
  append({.time_us = time_us, .kind = RecordKind::kIndex}, index);
  append_trailer(header_.salt, index_offset, bytes_);
}

void RecordingEncoder::append(RecordHead head, std::span<const std::byte> payload) {
  const std::uint64_t offset = offset_ + bytes_.size();
  head.number = batch_number_++;
  if (index_.empty() || offset - index_.back().offset >= kIndexBlockBytes) {
    index_.push_back({offset, head.number, head.time_us});
  }
  append_record(header_.salt, offset, head, payload, bytes_);
}

void RecordingEncoder::commit() {
  offset_ += bytes_.size();
  next_number_ = batch_number_;
  committed_entries_ = index_.size();
  bytes_.clear();
}

void RecordingEncoder::rollback() {
  bytes_.clear();
  batch_number_ = next_number_;
  index_.resize(committed_entries_);
}

}  // namespace sluice::transport
