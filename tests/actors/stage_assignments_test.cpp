#include "actors/stage_assignments.h"

#include <doctest/doctest.h>

#include "pipeline/model/model_config.h"
#include "pipeline/topology/topology_parser.h"
#include "tests/support/paths.h"
#include "transport/curve/curve_address.h"

namespace sluice::actors {
namespace {

topology::Plan plan_of(const std::string& file) {
  const auto topology = topology::load_topology(test::source_path("configs/" + file));
  REQUIRE(topology.ok());
  const auto model = load_model_config(topology->model.path);
  REQUIRE(model.ok());
  auto plan = topology::make_plan(*topology, *model);
  REQUIRE(plan.ok());
  return std::move(*plan);
}

TEST_SUITE("actors/stage_assignments") {
  TEST_CASE("two stages in the head meet in process, and nobody listens for workers") {
    const auto plan = plan_of("two-stages.toml");
    const auto stages = make_stages(plan, "avx2", "/run/x");
    REQUIRE(stages.size() == 2);
    CHECK(stages[0].assign.input_address == "inproc://stage-0-epoch-{epoch}");
    CHECK(stages[1].assign.input_address == "inproc://stage-1-epoch-{epoch}");
    CHECK(stages[1].place.kind == WorkerKind::kHead);
    CHECK(stages[1].assign.kernel_path == "avx2");
    CHECK(results_bind_address(plan, 0, "/run/x") == "inproc://results-0");
    CHECK(control_bind_address(plan, "/run/x").empty());
  }

  TEST_CASE("a spawned stage is reached over ipc in the engine's folder") {
    const auto plan = plan_of("two-processes.toml");
    const auto stages = make_stages(plan, "avx2", "/run/x");
    CHECK(stages[0].assign.input_address == "inproc://stage-0-epoch-{epoch}");
    CHECK(stages[1].assign.input_address == "ipc:///run/x/stage-1-epoch-{epoch}");
    CHECK(stages[1].place.kind == WorkerKind::kSpawned);
    CHECK(stages[1].assign.first_layer == 3);
    CHECK(stages[1].assign.num_layers == 3);
    CHECK(stages[1].weights_bytes == plan.replicas[0].stages[1].weights_bytes);
    CHECK(results_bind_address(plan, 0, "/run/x") == "ipc:///run/x/results-0");
    CHECK(control_bind_address(plan, "/run/x") == "ipc:///run/x/control");
  }

  TEST_CASE("stages of several replicas are numbered on, and meet at addresses of their own") {
    const auto plan = plan_of("two-replicas.toml");
    const auto stages = make_stages(plan, "avx2", "/run/x");
    REQUIRE(stages.size() == 2);
    for (std::uint32_t i = 0; i < 2; ++i) {
      CHECK(stages[i].replica == i);
      CHECK(stages[i].assign.stage == i);
      CHECK(stages[i].assign.num_stages == 2);
      CHECK(stages[i].assign.num_layers == 6);
      CHECK(stages[i].place.worker == "stage-" + std::to_string(i));
      CHECK(stages[i].assign.input_address == "ipc:///run/x/stage-" + std::to_string(i) + "-epoch-{epoch}");
      CHECK(results_bind_address(plan, i, "/run/x") == "ipc:///run/x/results-" + std::to_string(i));
    }
    const auto memberships = memberships_of(stages, {});
    REQUIRE(memberships.size() == 2);
    CHECK(memberships[1].has_worker("stage-1"));
    CHECK_FALSE(memberships[1].has_worker("stage-0"));
    CHECK(memberships[1].unavailable()->message == "stage 1 (layers 0-5) waits for its process stage-1");
  }

  TEST_CASE("a worker cannot send its neighbour anywhere but to a socket of its own") {
    CHECK(can_be_bound_as("ipc:///run/x/stage-1", "ipc:///run/x/stage-1"));
    CHECK(can_be_bound_as("tcp://127.0.0.1:*", "tcp://127.0.0.2:40000"));
    CHECK_FALSE(can_be_bound_as("ipc:///run/x/stage-1", "inproc://ingress-tokenizer"));
    CHECK_FALSE(can_be_bound_as("tcp://127.0.0.1:*", "ipc:///run/x/results"));
    transport::PublicKey key;
    transport::PublicKey other;
    other.bytes[0] = 1;
    const std::string bound = transport::address_of_server("tcp://10.0.0.2:40000", key);
    CHECK(can_be_bound_as("tcp://127.0.0.1:*#curve", bound, key));
    CHECK_FALSE(can_be_bound_as("tcp://127.0.0.1:*#curve", bound, other));
    CHECK_FALSE(can_be_bound_as("tcp://127.0.0.1:*#curve", bound));
    CHECK_FALSE(can_be_bound_as("tcp://127.0.0.1:*#curve", "tcp://10.0.0.2:40000", key));
    CHECK_FALSE(can_be_bound_as("tcp://127.0.0.1:*#curve", "tcp://10.0.0.2:40000#curve", key));
    CHECK_FALSE(can_be_bound_as("tcp://127.0.0.1:*", bound, key));
  }

  TEST_CASE("hosts with keys: links of the head are bound where workers register, all are marked as encrypted") {
    const auto plan = plan_of("workers-on-hosts-curve.toml");
    const auto stages = make_stages(plan, "avx2", "/run/x");
    CHECK(stages[0].assign.input_address == "inproc://stage-0-epoch-{epoch}");
    CHECK(stages[1].assign.input_address == "tcp://127.0.0.1:*#curve");
    CHECK(stages[2].assign.input_address == "tcp://127.0.0.1:*#curve");
    CHECK(results_bind_address(plan, 0, "/run/x") == "tcp://10.0.0.1:*#curve");
    CHECK(control_bind_address(plan, "/run/x") == "tcp://10.0.0.1:5550#curve");
  }

  TEST_CASE("a named worker is reached over tcp, and connects where the topology says") {
    const auto plan = plan_of("named-worker.toml");
    const auto stages = make_stages(plan, "avx2", "/run/x");
    CHECK(stages[1].place.worker == "worker-a");
    CHECK(stages[1].place.kind == WorkerKind::kNamed);
    CHECK(stages[1].assign.input_address == "tcp://127.0.0.1:*");
    CHECK(control_bind_address(plan, "/run/x") == plan.topology.supervisor.bind);
  }
}

}  // namespace
}  // namespace sluice::actors
