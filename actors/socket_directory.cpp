#include "actors/socket_directory.h"

#include <stdlib.h>  // mkdtemp

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sluice::actors {

Result<SocketDirectory> SocketDirectory::create(const std::string& wanted) {
  std::error_code failure;
  if (!wanted.empty()) {
    std::filesystem::create_directories(wanted, failure);
    if (failure) return Error{ErrorCode::kInvalidConfig, "cannot make the folder " + wanted + ": " + failure.message()};
    return SocketDirectory(wanted, false);
  }
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const auto parent =
      runtime != nullptr ? std::filesystem::path(runtime) : std::filesystem::temp_directory_path(failure);
  std::string path = (parent / "sluice-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) {
    return Error{ErrorCode::kInvalidConfig,
                 "cannot make a folder for sockets in " + parent.string() + ": " + std::strerror(errno)};
  }
  return SocketDirectory(std::move(path), true);
}

SocketDirectory::SocketDirectory(SocketDirectory&& other) noexcept
    : path_(std::move(other.path_)), is_ours_(std::exchange(other.is_ours_, false)) {}

SocketDirectory::~SocketDirectory() {
  if (!is_ours_) return;
  std::error_code ignored;  // What is left of a temporary folder hurts nobody.
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace sluice::actors
