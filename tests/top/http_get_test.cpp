#include "top/http_get.h"

#include <doctest/doctest.h>

#include "tests/top/metrics_server.h"

namespace sluice::top {
namespace {

using test::http_ok;
using test::MetricsServer;
using test::SilentPort;

Result<std::string> get(const std::string& address, const HttpLimits& limits = {.timeout = std::chrono::seconds(60)}) {
  const auto parsed = parse_metrics_address(address);
  REQUIRE(parsed.ok());
  const auto source = HttpSource::resolve(*parsed, limits);
  REQUIRE(source.ok());
  return source->get();
}

Result<std::string> get_answer(const std::string& answer) {
  const MetricsServer server([&](int, const std::string&) { return answer; });
  return get(server.address());
}

TEST_SUITE("top/http_get") {
  TEST_CASE("a body of known length, of chunks, and up to the end of the connection") {
    CHECK(get_answer(http_ok("a 1\n")).value() == "a 1\n");
    CHECK(get_answer(http_ok("")).value() == "");
    CHECK(get_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na 1\r\n1\r\n\n\r\n0\r\n\r\n").value() ==
          "a 1\n");
    CHECK(get_answer("HTTP/1.0 200 OK\r\n\r\na 1\n").value() == "a 1\n");
  }

  TEST_CASE("the request names path and host, and wants no compression") {
    std::string request;
    {
      const MetricsServer server([&](int, const std::string& text) {
        request = text;
        return http_ok("");
      });
      REQUIRE(get(server.address() + "/some/path?x=1").ok());
      CHECK(request.find("\r\nHost: " + server.address() + "\r\n") != std::string::npos);
    }
    CHECK(request.starts_with("GET /some/path?x=1 HTTP/1.1\r\n"));
    CHECK(request.find("Accept-Encoding") == std::string::npos);
  }

  TEST_CASE("what listens there is no engine") {
    for (const std::string answer : {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "SSH-2.0-OpenSSH\r\n\r\n",
                                     "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n"}) {
      CAPTURE(answer);
      CHECK(get_answer(answer).error().code == ErrorCode::kProtocolViolation);
    }
    CHECK(get_answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").error().message == "HTTP status 404");
  }

  TEST_CASE("an answer that ends too early is none") {
    for (const std::string answer : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\na 1\n"}) {
      CAPTURE(answer);
      CHECK(get_answer(answer).error().code == ErrorCode::kTransportLost);
    }
  }

  TEST_CASE("limits: header and body, whether its length is told or not") {
    const HttpLimits limits = {.timeout = std::chrono::seconds(60), .header_bytes_max = 512, .body_bytes_max = 1000};
    const std::string large(1001, 'x');
    const std::string answers[] = {http_ok(large), "HTTP/1.0 200 OK\r\n\r\n" + large,
                                   "HTTP/1.1 200 OK\r\nX: " + std::string(600, 'x') + "\r\n\r\n"};
    for (const std::string& answer : answers) {
      const MetricsServer server([&](int, const std::string&) { return answer; });
      CHECK(get(server.address(), limits).error().code == ErrorCode::kProtocolViolation);
    }
    const MetricsServer server([&](int, const std::string&) { return http_ok(large.substr(1)); });
    CHECK(get(server.address(), limits).value().size() == 1000);
  }

  TEST_CASE("nobody there, or somebody who says nothing") {
    const SilentPort closed(false), open(true);
    const auto refused = get(closed.address());
    CHECK(refused.error().code == ErrorCode::kTransportLost);
    CHECK(refused.error().message == "Connection refused");
    const auto late = get(open.address(), {.timeout = std::chrono::milliseconds(20)});
    CHECK(late.error().code == ErrorCode::kTransportLost);
    CHECK(late.error().message == "not in time");
  }
}

}  // namespace
}  // namespace sluice::top
