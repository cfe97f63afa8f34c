#include "metrics/endpoint.h"

#include <doctest/doctest.h>

#include "pipeline/status/status_json.h"
#include "tests/support/http_get.h"
#include "tests/support/metrics_text.h"

namespace sluice::metrics {
namespace {

// The second page of the same server.
std::string status_url(const Endpoint& endpoint) {
  return endpoint.url().substr(0, endpoint.url().rfind('/')) + "/status";
}

Result<EngineStatus> status_at(const Endpoint& endpoint) {
  const test::HttpAnswer answer = test::http_get(status_url(endpoint));
  CHECK(answer.status == 200);
  return parse_status_json(answer.body, SteadyClock().now());
}

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
    for (const std::string path : {"/", "/other", "/metrics/", "/metricsx", "/status/x", "/statuses"}) {
      CAPTURE(path);
      CHECK(test::http_get(url.substr(0, url.rfind('/')) + path).status == 404);
    }
  }

  TEST_CASE("/status gives the engine's status as of what was published last, and its times go on") {
    auto endpoint = Endpoint::start("http://127.0.0.1:*");
    REQUIRE(endpoint.ok());
    CHECK(status_at(**endpoint)->replicas.empty());
    EngineSnapshot snapshot;
    snapshot.facts.model = "storyteller-llama";
    snapshot.facts.max_requests = 64;
    snapshot.ingress.emplace();
    snapshot.ingress->is_up = true;
    snapshot.ingress->ledger.requests_running = 3;
    snapshot.supervisor.emplace();
    snapshot.supervisor->taken_at = SteadyClock().now() - std::chrono::minutes(2);
    snapshot.supervisor->replicas = {{.epoch = Epoch{7}, .lacks = "stage 0 (layers 0-5) waits for worker-a"}};
    snapshot.supervisor->standbys = {{"one", {"cpu:0"}}};
    (*endpoint)->publish(snapshot);
    const auto status = status_at(**endpoint);
    REQUIRE(status.ok());
    CHECK(status->model == "storyteller-llama");
    CHECK(status->takes_requests);
    CHECK(status->requests == 3);
    CHECK(status->requests_max == 64);
    CHECK(SteadyClock().now() - status->as_of >= std::chrono::minutes(2));
    REQUIRE(status->replicas.size() == 1);
    CHECK(status->replicas[0].epoch == Epoch{7});
    CHECK(status->replicas[0].lacks == "stage 0 (layers 0-5) waits for worker-a");
    CHECK(status->standbys == snapshot.supervisor->standbys);
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
