// A small HTTP server for pages that are made anew for each GET. Boost.Beast is spelled in its source alone.
//
// Owns:    its listening socket, its connections, one thread, on which pages are made.
// Limits:  connections at a time (further ones wait in the kernel's queue), bytes of a request, time from connection
//          to answer. One answer a connection.
// Errors:  start(): kAddressInUse where the address cannot be bound, kNotFound for a host that has no address.
//          Sentences are only the reason: whoever asks knows for what.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace sluice::metrics {

struct HttpPage {
  std::string media_type;
  std::function<std::string()> body;
};

struct HttpServerLimits {
  std::size_t connections_max = 16;
  std::uint32_t header_bytes_max = 8192;
  Duration timeout = std::chrono::seconds(5);
};

// By path ("/metrics"), each exactly: a query behind it is ignored.
using HttpPages = std::map<std::string, HttpPage, std::less<>>;

class HttpServer {
 public:
  // `port` 0 is any free one. The pages may be called until the destructor returns.
  static Result<std::unique_ptr<HttpServer>> start(const std::string& host, std::uint16_t port, HttpPages pages,
                                                   const HttpServerLimits& limits = {});

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  std::uint16_t port() const;

 private:
  struct Parts;
  explicit HttpServer(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::metrics
