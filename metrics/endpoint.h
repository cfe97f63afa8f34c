// Where metrics are read, under /metrics, and the engine's status, under /status: an HTTP endpoint that renders the
// latest snapshot for each answer (docs/decisions/0020).
//
// Owns:    the HTTP server with its thread, the latest snapshot.
// Thread:  publish() by one thread, the metrics actor's; answers are made on the server's. They share one immutable
//          snapshot, which is replaced as a whole.
// Errors:  start(): kAddressInUse where the address cannot be bound, kNotFound for a host that has no address,
//          kInvalidConfig for one without a port.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "metrics/snapshot.h"

namespace sluice::metrics {

class Endpoint {
 public:
  // "http://127.0.0.1:9464"; the port 0 or "*" is any free one.
  static Result<std::shared_ptr<Endpoint>> start(const std::string& bind);

  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint();

  // What to scrape: "http://127.0.0.1:9464/metrics".
  const std::string& url() const;

  void publish(EngineSnapshot snapshot);

 private:
  struct Parts;
  explicit Endpoint(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::metrics
