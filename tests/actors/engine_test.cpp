// Starting an engine that cannot come up. What a running one does is tested with the program, in tests/e2e.
#include "actors/engine.h"

#include <doctest/doctest.h>

#include "pipeline/model/model_config.h"
#include "pipeline/topology/topology_parser.h"
#include "tests/support/paths.h"

namespace sluice::actors {
namespace {

topology::Plan plan_of(const std::string& file) {
  auto topology = topology::load_topology(test::source_path("configs/" + file));
  REQUIRE(topology.ok());
  topology->ingress.bind = "tcp://127.0.0.1:*";
  topology->supervisor.bind = "tcp://127.0.0.1:*";
  topology->metrics.bind = "http://127.0.0.1:*";
  const auto model = load_model_config(topology->model.path);
  REQUIRE(model.ok());
  return topology::make_plan(*topology, *model).value();
}

TEST_SUITE("actors/engine") {
  TEST_CASE("a worker program that ends at once is an error that says so, not a wait without an end") {
    EngineOptions options;
    options.worker_program = "/bin/false";
    auto engine = Engine::start(plan_of("two-processes.toml"), options);
    REQUIRE(engine.ok());
    const Result<void> up = (*engine)->wait_until_up(std::chrono::seconds(60));
    REQUIRE_FALSE(up.ok());
    CHECK(up.error().code == ErrorCode::kStageLost);
    CHECK(up.error().message.find("it exited with status 1") != std::string::npos);
  }

  TEST_CASE("a worker program that cannot be run is an error with the reason") {
    EngineOptions options;
    options.worker_program = "/nonexistent/program";
    auto engine = Engine::start(plan_of("two-processes.toml"), options);
    REQUIRE(engine.ok());
    const Result<void> up = (*engine)->wait_until_up(std::chrono::seconds(60));
    REQUIRE_FALSE(up.ok());
    CHECK(up.error().message.find("cannot run /nonexistent/program") != std::string::npos);
  }

  TEST_CASE("an engine that waits for a worker ends when it is told to") {
    auto engine = Engine::start(plan_of("named-worker.toml"));
    REQUIRE(engine.ok());
    CHECK_FALSE((*engine)->control_address().empty());
    CHECK((*engine)->drain(std::chrono::seconds(60)));
  }
}

}  // namespace
}  // namespace sluice::actors
