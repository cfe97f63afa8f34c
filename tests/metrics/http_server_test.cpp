#include "metrics/http_server.h"

#include <doctest/doctest.h>

#include <boost/asio/ip/tcp.hpp>
#include <iterator>
#include <list>

#include "tests/support/http_get.h"

namespace sluice::metrics {
namespace {

using Stream = boost::asio::ip::tcp::iostream;

std::string port_of(const HttpServer& server) {
  return std::to_string(server.port());
}

// All that the server says to `bytes`, until it closes.
std::string answer_to(const HttpServer& server, const std::string& bytes) {
  Stream stream("127.0.0.1", port_of(server));
  REQUIRE(stream.good());
  stream << bytes << std::flush;
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::unique_ptr<HttpServer> one_page(const HttpServerLimits& limits = {}) {
  auto server = HttpServer::start(
      "127.0.0.1", 0, {{"/page", {"text/plain", [calls = 0]() mutable { return std::to_string(++calls); }}}}, limits);
  REQUIRE(server.ok());
  return *std::move(server);
}

TEST_SUITE("metrics/http_server") {
  TEST_CASE("a page is made anew for each GET, whatever its query, other methods and paths are refused") {
    const auto server = one_page();
    const std::string url = "http://127.0.0.1:" + port_of(*server);
    CHECK(test::http_get(url + "/page").body == "1");
    CHECK(test::http_get(url + "/page?at=1").body == "2");
    CHECK(test::http_get(url + "/pages").status == 404);
    const std::string posted = answer_to(*server, "POST /page HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
    CHECK(posted.starts_with("HTTP/1.1 405 "));
    CHECK(posted.find("Allow: GET\r\n") != std::string::npos);
    CHECK(test::http_get(url + "/page").body == "3");
  }

  TEST_CASE("what is no request, or too long a one, is cut, and others are answered") {
    const auto server = one_page();
    CHECK(answer_to(*server, "\x01\x02\r\n\r\n") == "");
    const std::string long_line = "GET /page HTTP/1.1\r\nX: " + std::string(1 << 20, 'x');
    CHECK(answer_to(*server, long_line) == "");
    CHECK(test::http_get("http://127.0.0.1:" + port_of(*server) + "/page").body == "1");
  }

  TEST_CASE("connections that say nothing are cut in time, those beyond the most at a time wait for their turn") {
    const auto server = one_page({.connections_max = 2, .timeout = std::chrono::milliseconds(50)});
    std::list<Stream> silent;
    for (int i = 0; i < 5; ++i) silent.emplace_back("127.0.0.1", port_of(*server));
    CHECK(test::http_get("http://127.0.0.1:" + port_of(*server) + "/page").body == "1");
    for (Stream& stream : silent) CHECK(stream.get() == Stream::traits_type::eof());
  }

  TEST_CASE("a server that ends while somebody is connected lets its address go") {
    auto server = one_page();
    const std::uint16_t port = server->port();
    Stream silent("127.0.0.1", std::to_string(port));
    REQUIRE(silent.good());
    server.reset();
    CHECK(HttpServer::start("127.0.0.1", port, {}).ok());
  }

  TEST_CASE("a host without an address") {
    const auto server = HttpServer::start("no such host", 0, {});
    REQUIRE_FALSE(server.ok());
    CHECK(server.error().code == ErrorCode::kNotFound);
  }
}

}  // namespace
}  // namespace sluice::metrics
