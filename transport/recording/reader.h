// Reads a recording, whole or torn: every record that is whole comes out, in the file's order, and nothing else does.
// What is damaged is skipped, up to the next record, and told.
//
// Owns:      the source, the index. Memory: one record, and 24 bytes for each 256 KiB of file.
// Confined:  one thread.
// Errors:    open(): kNotFound, kInvalidRequest (no recording, damaged header), kUnsupportedVersion.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "transport/frame.h"
#include "transport/recording/format.h"
#include "transport/recording/source.h"

namespace sluice::transport {

struct RecordedMessage {
  std::uint64_t offset = 0;  // For read_message().
  std::uint64_t time_us = 0;
  std::uint32_t connection = 0;
  RecordedLink link = RecordedLink::kNone;
  Frame frame;
};

struct RecordedLoss {
  std::uint64_t time_us = 0;
  std::uint32_t connection = 0;
};

// The recorder could not write so many messages.
struct RecordedGap {
  std::uint64_t time_us = 0;
  std::uint64_t num_messages = 0;
};

// Bytes that are no records any more; so many were lost with them.
struct RecordedDamage {
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t num_records = 0;
};

using RecordedItem = std::variant<RecordedMessage, RecordedLoss, RecordedGap, RecordedDamage>;

// How the file ends; known once next() has given nothing.
struct RecordingEnd {
  bool is_closed = false;  // With its index: all was written.
  std::uint64_t torn_offset = 0;
  std::uint64_t torn_bytes = 0;  // Behind the last record; 0: none.
};

class RecordingReader {
 public:
  static Result<RecordingReader> open(std::unique_ptr<RecordingSource> source);
  static Result<RecordingReader> open(const std::string& path);

  const RecordingHeader& header() const { return header_; }
  std::uint64_t size_bytes() const { return source_->size_bytes(); }

  std::optional<RecordedItem> next();
  const RecordingEnd& end() const { return end_; }

  // Goes on with the block that has the first record of `time_us` or later, or with one before it. By the file's index,
  // or, where it has none, by one made of all the heads.
  void seek(std::uint64_t time_us);

  // The message at an offset that next() gave; nothing: not there any more.
  std::optional<RecordedMessage> read_message(std::uint64_t offset) const;

 private:
  RecordingReader(std::unique_ptr<RecordingSource> source, RecordingHeader header, std::uint64_t first_offset);

  std::optional<RecordHead> head_at(std::uint64_t offset) const;
  std::optional<Frame> payload_of(const RecordHead& head, std::uint64_t offset) const;
  // The first whole record behind a damaged place.
  std::optional<std::uint64_t> next_head(std::uint64_t offset) const;
  void load_index();
  void rebuild_index();
  void finish(std::uint64_t torn_offset);

  std::unique_ptr<RecordingSource> source_;
  RecordingHeader header_;
  std::uint64_t first_offset_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t next_number_ = 0;
  std::optional<std::vector<IndexEntry>> index_;
  RecordingEnd end_;
};

}  // namespace sluice::transport
