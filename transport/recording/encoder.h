// The bytes of a recording in the making, a batch of records at a time:
//
//   encoder.begin();  encoder.message(...);  encoder.gap(...);  ...write bytes() at offset()...
//   written: encoder.commit();   failed: encoder.rollback(), as if the batch had never been
//
// Owns:      the batch, the index so far (24 bytes for each 256 KiB of file).
// Confined:  one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "transport/recording/format.h"

namespace sluice::transport {

class RecordingEncoder {
 public:
  explicit RecordingEncoder(RecordingHeader header) : header_(std::move(header)) {}

  // Of the first batch, the header comes first.
  void begin();
  void message(std::uint64_t time_us, RecordedLink link, std::uint32_t connection, std::span<const std::byte> frame);
  void lost(std::uint64_t time_us, std::uint32_t connection);
  void gap(std::uint64_t time_us, std::uint64_t num_messages);
  // Index and trailer: nothing may follow.
  void end(std::uint64_t time_us);

  const Bytes& bytes() const { return bytes_; }
  // Where the batch stands in the file; once committed, where the next one will.
  std::uint64_t offset() const { return offset_; }
  void commit();
  void rollback();

 private:
  void append(RecordHead head, std::span<const std::byte> payload);

  const RecordingHeader header_;
  Bytes bytes_;
  std::uint64_t offset_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t batch_number_ = 0;  // Of the next record, were the batch written.
  std::vector<IndexEntry> index_;
  std::size_t committed_entries_ = 0;
};

}  // namespace sluice::transport
