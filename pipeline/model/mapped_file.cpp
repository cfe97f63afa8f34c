#include "pipeline/model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace sluice {
namespace {

Error system_error(const std::filesystem::path& path, int number) {
  return Error{ErrorCode::kModelLoadFailed, path.string() + ": " + std::strerror(number)};
}

struct Descriptor {
  int number = -1;
  explicit Descriptor(int fd) : number(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // A FIFO must not block us.
  if (file.number < 0) return system_error(path, errno);
  struct stat status {};
  if (::fstat(file.number, &status) != 0) return system_error(path, errno);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kModelLoadFailed, path.string() + ": not a regular file"};
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(nullptr, 0));
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number, 0);
  if (data == MAP_FAILED) return system_error(path, errno);
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const std::byte*>(data), size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_bytes_);
}

void will_need(std::span<const std::byte> part) {
  if (part.empty()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const auto aligned = begin / page * page;
  // A hint: where the system does not take it, reading faults the pages in one by one.
  (void)::madvise(reinterpret_cast<void*>(aligned), part.size() + (begin - aligned), MADV_WILLNEED);
}

}  // namespace sluice
