#include "top/metrics_address.h"

#include <doctest/doctest.h>

namespace sluice::top {
namespace {

TEST_SUITE("top/metrics_address") {
  TEST_CASE("an address may lack scheme and path") {
    for (const char* text : {"127.0.0.1:9464", "http://127.0.0.1:9464", "127.0.0.1:9464/", "127.0.0.1:9464/metrics"}) {
      CAPTURE(text);
      const auto address = parse_metrics_address(text);
      REQUIRE(address.ok());
      CHECK(address->to_string() == "http://127.0.0.1:9464/metrics");
    }
    CHECK(*parse_metrics_address("localhost:1/a/b?c") == MetricsAddress{"localhost", 1, "/a/b?c"});
    CHECK(*parse_metrics_address("http://[::1]:65535/x") == MetricsAddress{"::1", 65535, "/x"});
    CHECK(parse_metrics_address("[::1]:80")->to_string() == "http://[::1]:80/metrics");
  }

  TEST_CASE("the status is beside the metrics, whatever is before it in the path") {
    CHECK(parse_metrics_address("host:1")->of_status() == MetricsAddress{"host", 1, "/status"});
    CHECK(parse_metrics_address("host:1/engine/metrics")->of_status().path == "/engine/status");
    for (const std::string path : {"/status", "/metrics/x", "/our-metrics"}) {
      CHECK(parse_metrics_address("host:1" + path)->of_status().path == path);
    }
  }

  TEST_CASE("anything else is refused with a reason") {
    for (const std::string text :
         {"", "localhost", "http://", ":80", "host:", "host:0", "host:65536", "host:8o", "https://host:443",
          "tcp://host:5", "::1:80", "a b:80", "host:80/a\r\nX: y", "h\xc3\xb6st:80", "user@host:80"}) {
      CAPTURE(text);
      CHECK(parse_metrics_address(text).error().code == ErrorCode::kInvalidConfig);
    }
    CHECK(!parse_metrics_address(std::string(2000, 'x') + ":80").ok());
  }
}

}  // namespace
}  // namespace sluice::top
