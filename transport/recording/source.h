// Where a recording is read from: memory, or a file that may be growing, or shrink, while it is read.
//
// Owns:    FileSource: the descriptor.
// Errors:  read() is false for what is not there, and for what the disk does not give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"

namespace sluice::transport {

class RecordingSource {
 public:
  RecordingSource() = default;
  RecordingSource(const RecordingSource&) = delete;
  RecordingSource& operator=(const RecordingSource&) = delete;
  virtual ~RecordingSource() = default;

  // As of the opening.
  virtual std::uint64_t size_bytes() const = 0;
  // All of `out`, from `offset` on.
  virtual bool read(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

class MemorySource final : public RecordingSource {
 public:
  // Somebody else keeps the bytes.
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t size_bytes() const override { return bytes_.size(); }
  bool read(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::span<const std::byte> bytes_;
};

class FileSource final : public RecordingSource {
 public:
  // kNotFound: no such file, or one that cannot be read.
  static Result<std::unique_ptr<FileSource>> open(const std::string& path);
  ~FileSource() override;

  std::uint64_t size_bytes() const override { return size_bytes_; }
  bool read(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  FileSource(int fd, std::uint64_t size_bytes) : fd_(fd), size_bytes_(size_bytes) {}
  bool read_file(std::uint64_t offset, std::span<std::byte> out) const;

  int fd_;
  std::uint64_t size_bytes_;
  // A window of the file, as most reads are of a few bytes behind the last ones.
  mutable std::unique_ptr<std::byte[]> window_;
  mutable std::uint64_t window_offset_ = 0;
  mutable std::size_t window_bytes_ = 0;
};

}  // namespace sluice::transport
