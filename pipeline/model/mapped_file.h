// A file mapped for reading.
//
// Owns:   the mapping; views into bytes() live as long as it.
// Thread: immutable, any.
// Errors: kModelLoadFailed, naming the file.
// Limits: a file that someone truncates while it is mapped ends the process with SIGBUS, as with every mapping.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "base/error.h"

namespace sluice {

class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_bytes_(size) {}

  const std::byte* data_;
  std::size_t size_bytes_;
};

// Tells the system that a part of a mapping will be read soon, all of it.
void will_need(std::span<const std::byte> part);

}  // namespace sluice
