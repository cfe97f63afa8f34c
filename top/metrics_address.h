// Where an engine's metrics, and its status, are read: http://HOST:PORT/PATH, in whole or in part. Values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice::top {

struct MetricsAddress {
  std::string host;  // A name or an IP address, without brackets.
  std::uint16_t port = 0;
  std::string path = "/metrics";

  // "http://127.0.0.1:9464/metrics".
  std::string to_string() const;
  // That of the status beside the metrics: "/metrics" at the end of the path is "/status". Other paths stay.
  MetricsAddress of_status() const;
  friend bool operator==(const MetricsAddress&, const MetricsAddress&) = default;
};

// "http://" and the path may be missing. kInvalidConfig: anything else, https included (nothing of ours speaks it).
Result<MetricsAddress> parse_metrics_address(std::string_view text);

}  // namespace sluice::top
