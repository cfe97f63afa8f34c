// The folder of an engine's ipc:// sockets: made on demand, private to the user, removed at the end if it was made
// here.
#pragma once

#include <string>

#include "base/error.h"

namespace sluice::actors {

class SocketDirectory {
 public:
  // An empty `wanted` makes a fresh folder under $XDG_RUNTIME_DIR or the temporary directory. Errors: kInvalidConfig.
  static Result<SocketDirectory> create(const std::string& wanted);

  SocketDirectory(SocketDirectory&& other) noexcept;
  SocketDirectory& operator=(SocketDirectory&&) = delete;
  ~SocketDirectory();

  const std::string& path() const { return path_; }

 private:
  SocketDirectory(std::string path, bool is_ours) : path_(std::move(path)), is_ours_(is_ours) {}

  std::string path_;
  bool is_ours_ = false;
};

}  // namespace sluice::actors
