// ZeroMQ context: the I/O threads of a process, and the name space of its inproc:// addresses. One per process.
//
// Thread-safe; copies share the same context. Each socket keeps one, so that the context ends after its last socket.
#pragma once

#include <memory>

#include "base/error.h"

namespace sluice::transport {

class Context {
 public:
  // Errors: kInternal if the operating system refuses.
  static Result<Context> create(int io_threads = 1);

  void* raw() const { return raw_.get(); }

 private:
  explicit Context(std::shared_ptr<void> raw) : raw_(std::move(raw)) {}

  std::shared_ptr<void> raw_;
};

}  // namespace sluice::transport
