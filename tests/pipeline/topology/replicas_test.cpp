// Several replicas in one file: [[replica]], copies and [router], and what they resolve to.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pipeline/topology/plan.h"
#include "pipeline/topology/topology_parser.h"
#include "tests/pipeline/topology/test_model.h"

namespace sluice::topology {
namespace {

using test::make_model;

constexpr std::string_view kStage = "[model]\npath = 'm'\nweights = 'mock'\n[[stage]]\nlayers = '0-5'\n";

std::string error_of(const std::string& toml) {
  const Result<Topology> topology = parse_topology(toml, "t.toml");
  if (!topology.ok()) return topology.error().message;
  const Result<Plan> plan = make_plan(*topology, make_model());
  return plan.ok() ? "planned" : plan.error().message;
}

Plan plan_of(const std::string& toml) {
  const Result<Topology> topology = parse_topology(toml, "t.toml");
  REQUIRE_MESSAGE(topology.ok(), (topology.ok() ? "" : topology.error().message));
  const Result<Plan> plan = make_plan(*topology, make_model());
  REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : plan.error().message));
  return *plan;
}

// Two unequal replicas: two stages of which one is spawned, and one stage on another machine.
const std::string kUnequal = R"([model]
path = "m"
weights = "mock"
[mock]
step_us = 100
[router]
policy = "prefix_affinity"
alpha = 1
beta = 0.25
overload_sequences = 7
[[replica]]
[[replica.stage]]
layers = "0-2"
[[replica.stage]]
layers = "3-5"
ranks = ["spawn:tail/cpu:0"]
[[replica]]
weight = 3
[replica.mock]
step_us = 300
[[replica.stage]]
layers = "0-5"
ranks = ["worker-b/cpu:0"]
)";

TEST_SUITE("pipeline/topology/replicas") {
  TEST_CASE("every key of [[replica]] and [router] reaches its field") {
    const Result<Topology> topology = parse_topology(kUnequal, "t.toml");
    REQUIRE(topology.ok());
    CHECK(topology->stages.empty());
    CHECK(topology->copies == 1);
    CHECK(topology->router == RouterTopology{RoutePolicy::kPrefixAffinity, 1, 0.25, 7});
    REQUIRE(topology->replicas.size() == 2);
    CHECK(topology->replicas[0].stages.size() == 2);
    CHECK(topology->replicas[0].weight == 1);
    CHECK_FALSE(topology->replicas[0].mock.has_value());
    CHECK(topology->replicas[1].weight == 3);
    CHECK(topology->replicas[1].mock == MockCosts{300, 0});
    CHECK(topology->all_replicas() == topology->replicas);
  }

  TEST_CASE("a file without them has one replica, and the documented defaults") {
    const Result<Topology> topology = parse_topology(kStage, "t.toml");
    REQUIRE(topology.ok());
    CHECK(topology->router == RouterTopology{RoutePolicy::kLeastLoaded, 0.6, 0.4, 0});
    CHECK(topology->all_replicas().size() == 1);
    const Plan plan = plan_of(std::string(kStage));
    CHECK_FALSE(plan.has_router());
    CHECK(batcher_name(plan, 0) == "batcher");
  }

  TEST_CASE("stages are numbered through all replicas, and spawned names are unique") {
    const Plan plan = plan_of(kUnequal);
    REQUIRE(plan.replicas.size() == 2);
    CHECK(plan.num_ranks() == 3);
    CHECK(plan.replicas[0].pipeline_depth == 2);
    CHECK(plan.replicas[0].stages[1].stage == 1);
    CHECK(plan.replicas[0].stages[1].worker == "replica-0-tail");
    CHECK(plan.replicas[0].mock.step_us == 100);
    CHECK(plan.replicas[1].stages[0].stage == 2);
    CHECK(plan.replicas[1].stages[0].worker == "worker-b");
    CHECK(plan.replicas[1].mock.step_us == 300);
    CHECK(plan.replicas[1].weight == 3);
  }

  TEST_CASE("copies of a pipeline run in processes of their own") {
    const Plan plan = plan_of("copies = 2\n" + std::string(kStage) + "ranks = ['spawn/cpu:0']\n");
    REQUIRE(plan.replicas.size() == 2);
    CHECK(plan.replicas[0].stages[0].worker == "stage-0");
    CHECK(plan.replicas[1].stages[0].worker == "stage-1");
    CHECK(plan.replicas[1].num_blocks == plan_of(std::string(kStage)).replicas[0].num_blocks);
  }

  TEST_CASE("replicas in one process share the budget of its device") {
    const Plan one = plan_of(std::string(kStage));
    const Plan two = plan_of("copies = 2\n" + std::string(kStage));
    CHECK(two.replicas[0].num_blocks == one.replicas[0].num_blocks / 2);
    CHECK(two.replicas[1].num_blocks == two.replicas[0].num_blocks);
  }

  TEST_CASE("the router stands between the tokenizer and the batchers") {
    const Plan plan = plan_of(kUnequal);
    const auto has = [&](const std::string& from, const std::string& to, LinkTransport transport) {
      return std::any_of(plan.links.begin(), plan.links.end(), [&](const LinkPlan& link) {
        return link.from == from && link.to == to && link.transport == transport;
      });
    };
    using enum LinkTransport;
    CHECK(has("tokenizer", "router", kInproc));
    CHECK_FALSE(has("tokenizer", "batcher", kInproc));
    for (const std::string batcher : {"batcher 0", "batcher 1"}) {
      CHECK(has("router", batcher, kInproc));
      CHECK(has(batcher, "router", kInproc));
      CHECK(has(batcher, "responder", kInproc));
      CHECK(has("responder", batcher, kInproc));
    }
    CHECK(has("batcher 0", "stage 0", kInproc));
    CHECK(has("stage 0", "stage 1", kIpc));
    CHECK(has("stage 1", "batcher 0", kIpc));
    CHECK(has("batcher 1", "stage 2", kTcp));
    CHECK(has("stage 2", "batcher 1", kTcp));
    CHECK(plan.links.size() == 5 + 2 * 4 + 3 + 2);
  }

  TEST_CASE("what cannot be is refused with its place or its reason") {
    struct Case {
      std::string toml;
      std::string error;
    };
    const std::string stage = std::string(kStage);
    const std::string replica = "[[replica]]\n[[replica.stage]]\nlayers = '0-5'\n";
    const std::string model = "[model]\npath = 'm'\n";
    const std::string named = "[[replica]]\n[[replica.stage]]\nlayers = '0-5'\nranks = ['w/cpu:0']\n";
    for (const Case& c : std::vector<Case>{
             {"copies = 65\n" + stage, "t.toml:1:10: 'copies' is 65, allowed are 1 to 64"},
             {"copies = 2\n" + model + replica,
              "t.toml:1:10: 'copies' is how many replicas of the [[stage]]s there are, but the file has [[replica]]"},
             {stage + replica,
              "t.toml:6:1: the file has [[stage]] and [[replica]]: stages of replicas are [[replica.stage]]"},
             {model + "[[replica]]\nweight = 2\n", "t.toml:3:1: [[replica]] lacks 'stage'"},
             {model + "[[replica]]\nstage = []\n", "t.toml:3:1: [[replica]] has no stage"},
             {model + "[replica]\n", "t.toml:3:1: 'replica' takes a list of tables: write [[replica]]"},
             {model + replica + "[[replica]]\nweight = 0\n",
              "t.toml:7:10: [[replica]] weight is 0, allowed are 1 to 1000"},
             {model + replica + "[replica.mock]\n",
              "t.toml:6:1: [mock] says what steps of a mock cost, but [model] weights is 'file', not 'mock'"},
             {stage + "[router]\npolicy = 'random'\n",
              "t.toml:7:10: [router] policy has the unknown value 'random'; the nearest known one is 'round_robin'"},
             {stage + "[router]\nalpha = -1\n",
              "t.toml:7:9: [router] alpha is out of range, allowed are 0.000000 to 1000.000000"},
             {stage + "[router]\nalpha = nan\n",
              "t.toml:7:9: [router] alpha is out of range, allowed are 0.000000 to 1000.000000"},
             {stage + "[router]\nalpha = '1'\n", "t.toml:7:9: [router] alpha takes a number, not a string"},
             {stage + "[router]\nalpha = 0\nbeta = 0.0\n",
              "t.toml:6:1: [router] alpha and beta are both 0: every load would be the same"},
             {model + replica + "[[replica]]\n[[replica.stage]]\nlayers = '0-3'\n",
              "no stage has layers 4-5 of the model's 6"},
             {model + replica + "[[replica]]\n[[replica.stage]]\nlayers = '1-5'\n",
              "t.toml:8:10: stage 0 has layers 1-5, but no stage before it has layers 0"},
             {model + named + named, "the worker 'w' has stages of replicas 0 and 1: a process serves one replica"},
             {"copies = 2\n" + stage + "ranks = ['w/cpu:0']\n",
              "the worker 'w' has stages of replicas 0 and 1: a process serves one replica"},
             {"copies = 2\n" + stage + "ranks = ['spawn:" + std::string(60, 'a') + "/cpu:0']\n",
              "the worker 'replica-0-" + std::string(60, 'a') + "' has too long a name"}}) {
      CAPTURE(c.toml);
      CHECK(error_of(c.toml) == c.error);
    }
  }

  TEST_CASE("more stages than numbers are refused") {
    std::string toml = "copies = 64\n[model]\npath = 'm'\n";
    for (int i = 0; i < 5; ++i) toml += "[[stage]]\nlayers = '" + std::to_string(i) + "'\n";
    ModelConfig model = make_model();
    model.num_hidden_layers = 5;
    const Result<Plan> plan = make_plan(parse_topology(toml, "t.toml").value(), model);
    REQUIRE_FALSE(plan.ok());
    CHECK(plan.error().message == "the replicas have 320 ranks, limit 256");
  }

  TEST_CASE("a plan of several replicas as people read it") {
    const std::string text = render_plan(plan_of(kUnequal));
    CHECK(text.find("router    prefix_affinity, overloaded from 7 sequences on\n") != std::string::npos);
    CHECK(text.find(R"(replica  weight  stages  in flight        KV cache
0        1       0-1     2 micro-batches  10922 blocks of 16 tokens: 174752 tokens
1        3       2       1 micro-batch    5461 blocks of 16 tokens: 87376 tokens
)") != std::string::npos);
    CHECK(text.find("2      0-5     worker-b/cpu:0    worker-b") != std::string::npos);
  }

  TEST_CASE("affinity to what nobody keeps is noted") {
    const Plan plan = plan_of("copies = 2\n" + std::string(kStage) +
                              "[router]\npolicy = 'prefix_affinity'\n[batcher]\nprefix_cache = false\n");
    CHECK(plan.notes.back() ==
          "prefix_affinity without prefix_cache: replicas reuse nothing of what the router sends together");
  }
}

}  // namespace
}  // namespace sluice::topology
