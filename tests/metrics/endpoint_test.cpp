#include "metrics/endpoint.h"

#include <doctest/doctest.h>

#include "tests/support/http_get.h"
#include "tests/support/metrics_text.h"

namespace sluice::metrics {
namespace {

TEST_SUITE("metrics/endpoint") {
  TEST_CASE("a scrape gives what was published last") {
    auto endpoint = Endpoint::start("http://127.0.0.1:*");
    REQUIRE(endpoint.ok());
    CHECK((*endpoint)->url().starts_with("http://127.0.0.1:"));
    CHECK((*endpoint)->url().ends_with("/metrics"));
    for (const std::uint64_t bytes : {1'000u, 2'000u}) {
      EngineSnapshot snapshot;
      snapshot.head.resident_bytes = bytes;
      (*endpoint)->publish(std::move(snapshot));
      const test::HttpAnswer answer = test::http_get((*endpoint)->url());
      CHECK(answer.status == 200);
      const auto samples = test::parse_metrics(answer.body);
      CHECK(test::sample(samples, "sluice_process_resident_bytes{process=\"head\"}") == static_cast<double>(bytes));
    }
  }

  TEST_CASE("a scrape before anything was published is empty of ours, and other paths are not found") {
    auto endpoint = Endpoint::start("http://127.0.0.1:*");
    REQUIRE(endpoint.ok());
    const test::HttpAnswer answer = test::http_get((*endpoint)->url());
    CHECK(answer.status == 200);
    CHECK(answer.body.find("sluice_") == std::string::npos);
    const std::string url = (*endpoint)->url();
    CHECK(test::http_get(url.substr(0, url.rfind('/')) + "/other").status == 404);
  }

  TEST_CASE("an address that is taken, or not ours, is an error that names it") {
    auto first = Endpoint::start("http://127.0.0.1:0");
    REQUIRE(first.ok());
    const std::string url = (*first)->url();
    const std::string bind = url.substr(0, url.rfind('/'));
    const auto second = Endpoint::start(bind);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().code == ErrorCode::kAddressInUse);
    CHECK(second.error().message.find(bind) != std::string::npos);
    first->reset();
    CHECK(Endpoint::start(bind).ok());
  }
}

}  // namespace
}  // namespace sluice::metrics
