// One HTTP GET, bounded in time and size, over a connection of its own. Boost.Beast is spelled in its
// source alone.
//
// Errors: kTransportLost where nothing answers, or not in time; kProtocolViolation where the answer is no HTTP, is too
//         large, or is not "200 OK"; kNotFound for a host name that leads nowhere. Sentences of the first two are only
//         the reason: whoever asks knows whom.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "top/metrics_address.h"

namespace boost::asio {
class io_context;
}

namespace sluice::top {

struct HttpLimits {
  Duration timeout = std::chrono::seconds(2);  // From the call to the answer's last byte.
  std::uint32_t header_bytes_max = 8192;
  std::uint64_t body_bytes_max = 4 << 20;
};

using OnBody = std::function<void(Result<std::string> body)>;

// An address whose host was looked up, which may take as long as the resolver likes: once, at the start.
class HttpSource {
 public:
  static Result<HttpSource> resolve(const MetricsAddress& address, const HttpLimits& limits = {});

  // Calls `on_body` once from `io`'s run(). Several at a time are independent.
  void start_get(boost::asio::io_context& io, OnBody on_body) const;
  // Waits for the body.
  Result<std::string> get() const;

  const MetricsAddress& address() const;

  // An error of a GET, or of what it gave, as a sentence: "no answer from ADDRESS: REASON", or
  // "no WHAT at ADDRESS: REASON".
  Error explain(const Error& error, const std::string& what) const;

 private:
  struct Target;
  explicit HttpSource(std::shared_ptr<const Target> target);

  std::shared_ptr<const Target> target_;
};

}  // namespace sluice::top
