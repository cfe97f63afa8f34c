#include "transport/zmq/context.h"

#include <zmq.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/check.h"

namespace sluice::transport {

Result<Context> Context::create(ContextOptions options) {
  SLUICE_CHECK_GT(options.io_threads, 0);
  void* raw = zmq_ctx_new();
  if (raw == nullptr) {
    return Error{ErrorCode::kInternal, std::string("cannot create a ZeroMQ context: ") + zmq_strerror(errno)};
  }
  // Ends when the last socket is closed, and waits at most for their linger times.
  std::shared_ptr<void> owner(raw, [](void* context) {
    while (zmq_ctx_term(context) != 0 && zmq_errno() == EINTR) {
    }
  });
  SLUICE_CHECK_EQ(zmq_ctx_set(raw, ZMQ_IO_THREADS, options.io_threads), 0);
  return Context(std::move(owner), std::move(options));
}

}  // namespace sluice::transport
