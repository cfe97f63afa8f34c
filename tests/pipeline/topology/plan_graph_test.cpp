#include "pipeline/topology/plan_graph.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/topology/device_use.h"
#include "pipeline/topology/table_text.h"
#include "pipeline/topology/topology_parser.h"
#include "tests/support/paths.h"

namespace sluice::topology {
namespace {

Plan plan_of(const std::string& file) {
  Result<Topology> topology = load_topology(test::source_path("configs/" + file));
  REQUIRE_MESSAGE(topology.ok(), (topology.ok() ? "" : topology.error().message));
  const Result<ModelConfig> model = load_model_config(topology->model.path);
  REQUIRE(model.ok());
  topology->model.path = "m\"\\";
  const Result<Plan> plan = make_plan(*topology, *model);
  REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : plan.error().message));
  return *plan;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_SUITE("pipeline/topology/plan_graph") {
  TEST_CASE("render_plan_dot: actors in their processes and hosts, links with their credits") {
    CHECK(render_plan_dot(plan_of("named-worker.toml")) == R"(digraph sluice {
  node [shape=box];
  subgraph cluster_0 {
    label="host head";
    subgraph cluster_1 {
      label="process head";
      "ingress";
      "tokenizer";
      "responder";
      "batcher" [label="batcher\n3640 blocks"];
      "stage 0" [label="stage 0\nlayers 0-2\ncpu:0, 1 thread\nweights 5.0 MiB\nKV cache 63.9 MiB"];
    }
  }
  subgraph cluster_2 {
    label="host worker-a";
    subgraph cluster_3 {
      label="process worker-a";
      "stage 1" [label="stage 1\nlayers 3-5\ncpu:0, 1 thread\nweights 5.6 MiB\nKV cache 63.9 MiB"];
    }
  }
  "ingress" -> "tokenizer" [label="inproc\n64 messages, 64.0 MiB"];
  "ingress" -> "responder" [label="inproc\n64 messages, 64.0 MiB"];
  "tokenizer" -> "batcher" [label="inproc\n64 messages, 64.0 MiB"];
  "tokenizer" -> "responder" [label="inproc\n64 messages, 64.0 MiB"];
  "batcher" -> "stage 0" [label="inproc\n64 messages, 64.0 MiB"];
  "stage 0" -> "stage 1" [label="tcp\n64 messages, 64.0 MiB"];
  "stage 1" -> "batcher" [label="tcp\n64 messages, 64.0 MiB"];
  "batcher" -> "responder" [label="inproc\n64 messages, 64.0 MiB"];
  "responder" -> "batcher" [label="inproc\n64 messages, 64.0 MiB"];
  "responder" -> "ingress" [label="inproc\n64 messages, 64.0 MiB"];
}
)");
  }

  TEST_CASE("render_plan_dot: replicas and ranks are named, the router has its policy") {
    const std::string replicas = render_plan_dot(plan_of("two-replicas.toml"));
    CHECK(contains(replicas, R"("router" [label="router\nprefix_affinity"];)"));
    CHECK(contains(replicas, R"("stage 1" [label="stage 1\nreplica 1\nlayers 0-5\n)"));
    CHECK(contains(replicas, R"("router" -> "batcher 1" [)"));
    CHECK(contains(render_plan_dot(plan_of("two-by-two.toml")),
                   R"("stage 1.1" [label="stage 1.1\nlayers 3-5\nrank 1 of 2\n)"));
  }

  TEST_CASE("configs: of every shipped file each link of the graph leads from one node to another") {
    for (const auto& entry : std::filesystem::directory_iterator(test::source_path("configs"))) {
      if (entry.path().extension() != ".toml") continue;
      CAPTURE(entry.path());
      const Plan plan = plan_of(entry.path().filename().string());
      const std::string dot = render_plan_dot(plan);
      for (const LinkPlan& link : plan.links) {
        for (const std::string& end : {link.from, link.to}) {
          CHECK((contains(dot, "\n      \"" + end + "\";") || contains(dot, "\n      \"" + end + "\" [label=")));
        }
      }
    }
  }

  TEST_CASE("render_plan_json: holds what the tables hold") {
    const nlohmann::json json = nlohmann::json::parse(render_plan_json(plan_of("two-by-two.toml")));
    CHECK(json["model"]["path"] == "m\"\\");
    CHECK(json["model"]["attention"] == "latent");
    CHECK(json["model"]["mixture_layers"] == 5);
    CHECK(json["model"]["experts_per_token"] == 4);
    CHECK(json["model"]["kv_bytes_per_token_and_layer"] == 4 * (64 + 32));
    const auto& replica = json["replicas"][0];
    CHECK(replica["pipeline_depth"] == 2);
    CHECK(replica["stages"].size() == 4);
    CHECK(replica["stages"][3]["process"] == "stage-1-1");
    CHECK(replica["estimate"]["decode_sequences"] == 16);
    CHECK(replica["estimate"]["stages"].size() == 2);
    CHECK(json["devices"].size() == 1);
    CHECK(json["links"].size() == 16);
    CHECK(json["links"][5] ==
          nlohmann::json::parse(R"({"from": "batcher", "to": "stage 0.1", "transport": "ipc", "window_messages": 64,
                                    "window_bytes": 67108864})"));
  }

  TEST_CASE("device_uses: sums over the processes of a host") {
    const Plan plan = plan_of("two-by-two.toml");
    const std::vector<DeviceUse> uses = device_uses(plan);
    REQUIRE(uses.size() == 1);
    CHECK(uses[0].host == "head");
    CHECK(uses[0].device == "cpu:0");
    CHECK(uses[0].processes == std::vector<std::string>{"head", "stage-0-1", "stage-1-0", "stage-1-1"});
    CHECK(uses[0].ranks == std::vector<std::string>{"0.0", "0.1", "1.0", "1.1"});
    CHECK(uses[0].threads == 4);
    std::uint64_t weights_bytes = 0;
    for (const StagePlan& stage : plan.replicas[0].stages) weights_bytes += stage.weights_bytes;
    CHECK(uses[0].weights_bytes == weights_bytes);
    CHECK(uses[0].kv_cache_bytes == 4 * plan.replicas[0].stages[0].kv_cache_bytes);

    const std::vector<DeviceUse> hosts = device_uses(plan_of("named-worker.toml"));
    REQUIRE(hosts.size() == 2);
    CHECK(hosts[1].host == "worker-a");
    CHECK(hosts[1].ranks == std::vector<std::string>{"1"});
  }

  TEST_CASE("table_text: sizes, times and shares") {
    CHECK(human_bytes(1023) == "1023 bytes");
    CHECK(human_bytes(4'928'307) == "4.6 MiB");
    CHECK(human_time(0) == "0 us");
    CHECK(human_time(999'999) == "999 us");
    CHECK(human_time(1'009'999) == "1.00 ms");
    CHECK(human_time(1'090'000) == "1.09 ms");
    CHECK(human_time(12'345'678'901) == "12.34 s");
    CHECK(human_age(59) == "59 s");
    CHECK(human_age(60) == "1 min 00 s");
    CHECK(human_age(3'599) == "59 min 59 s");
    CHECK(human_age(7'620) == "2 h 07 min");
    CHECK(human_age(86'399) == "23 h 59 min");
    CHECK(human_age(86'400 * 12 + 3'600 * 11) == "12 d 11 h");
    CHECK(human_permille(0) == "0.0 %");
    CHECK(human_permille(1234) == "123.4 %");
  }
}

}  // namespace
}  // namespace sluice::topology
