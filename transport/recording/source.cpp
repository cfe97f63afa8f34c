#include "transport/recording/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace sluice::transport {

namespace {

constexpr std::size_t kWindowBytes = 256u << 10;

bool is_inside(std::uint64_t offset, std::size_t size, std::uint64_t end) {
  return offset <= end && size <= end - offset;
}

}  // namespace

bool MemorySource::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (!is_inside(offset, out.size(), bytes_.size())) return false;
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return true;
}

Result<std::unique_ptr<FileSource>> FileSource::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    const std::string why = fd < 0 ? std::generic_category().message(errno) : "it is no file";
    if (fd >= 0) close(fd);
    return Error{ErrorCode::kNotFound, "cannot read the recording '" + path + "': " + why};
  }
  return std::unique_ptr<FileSource>(new FileSource(fd, static_cast<std::uint64_t>(status.st_size)));
}

FileSource::~FileSource() {
  close(fd_);
}

bool FileSource::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (!is_inside(offset, out.size(), size_bytes_)) return false;
  if (out.size() > kWindowBytes) return read_file(offset, out);
  if (offset < window_offset_ || !is_inside(offset - window_offset_, out.size(), window_bytes_)) {
    if (window_ == nullptr) window_ = std::make_unique<std::byte[]>(kWindowBytes);
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(kWindowBytes, size_bytes_ - offset));
    window_bytes_ = 0;
    if (!read_file(offset, {window_.get(), bytes})) return false;
    window_offset_ = offset;
    window_bytes_ = bytes;
  }
  if (!out.empty()) std::memcpy(out.data(), window_.get() + (offset - window_offset_), out.size());
  return true;
}

bool FileSource::read_file(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace sluice::transport
