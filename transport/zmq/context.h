// ZeroMQ context: the I/O threads of a process, and the name space of its inproc:// addresses. One per process.
//
// It also knows what the process has for securing its links: the key pair that every socket of it uses whose address
// says "#curve" (transport/curve/curve_address.h), and whether sockets without keys may listen beyond loopback.
// Thread-safe; copies share the same context. Each socket keeps one, so that the context ends after its last socket.
#pragma once

#include <memory>

#include "base/error.h"
#include "transport/curve/key.h"

namespace sluice::transport {

struct ContextOptions {
  int io_threads = 1;
  std::shared_ptr<const KeyPair> keys;  // Null: this process has none.
  bool allow_wide_bind = false;         // Sockets without keys may listen beyond loopback.
};

class Context {
 public:
  // Errors: kInternal if the operating system refuses.
  static Result<Context> create(ContextOptions options = {});

  void* raw() const { return raw_.get(); }
  const KeyPair* keys() const { return options_.keys.get(); }
  bool allows_wide_bind() const { return options_.allow_wide_bind; }

 private:
  Context(std::shared_ptr<void> raw, ContextOptions options) : raw_(std::move(raw)), options_(std::move(options)) {}

  std::shared_ptr<void> raw_;
  ContextOptions options_;
};

}  // namespace sluice::transport
