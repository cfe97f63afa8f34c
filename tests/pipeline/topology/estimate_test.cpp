#include "pipeline/topology/estimate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/topology/topology_parser.h"
#include "tests/support/paths.h"

namespace sluice::topology {
namespace {

constexpr std::uint64_t kFree = std::uint64_t{1} << 60;  // So fast that it takes no time.

// Of storyteller-llama: matrices of a layer, and the output head.
constexpr std::uint64_t kLayerElements = 737'280;
constexpr std::uint64_t kHeadElements = 4096 * 256;

Plan plan_of(const std::string& file, const std::vector<std::string>& overrides = {}) {
  const Result<Topology> topology = load_topology(test::source_path("configs/" + file), overrides);
  REQUIRE_MESSAGE(topology.ok(), (topology.ok() ? "" : topology.error().message));
  const Result<ModelConfig> model = load_model_config(test::source_path("examples/models/storyteller-llama"));
  REQUIRE(model.ok());
  const Result<Plan> plan = make_plan(*topology, *model);
  REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : plan.error().message));
  return *plan;
}

ReplicaEstimate estimate_of(const std::string& file, const MachineSpeed& speed,
                            const std::vector<std::string>& overrides = {}) {
  const Plan plan = plan_of(file, overrides);
  return estimate(plan, plan.replicas.front(), speed);
}

MachineSpeed free_machine() {
  return {kFree, kFree, kFree, kFree, 0, kFree};
}

TEST_SUITE("pipeline/topology/estimate") {
  TEST_CASE("estimate: what reads its weights for as long as it takes, the embedding table apart") {
    MachineSpeed speed = free_machine();
    speed.memory_bytes_per_us = 1'000;
    speed.memory_bytes_per_us_max = 1'500;

    const ReplicaEstimate halves = estimate_of("two-stages.toml", speed);
    REQUIRE(halves.stages.size() == 2);
    CHECK(halves.stages[0].decode.step_ns == 3 * kLayerElements * 2);
    CHECK(halves.stages[1].decode.step_ns == (3 * kLayerElements + kHeadElements) * 2);
    CHECK(halves.stages[0].prefill.step_ns == halves.stages[0].decode.step_ns);

    // Two threads do not read twice as fast where the machine does not.
    const ReplicaEstimate threads = estimate_of("two-stages.toml", speed, {"stage.0.threads=2"});
    CHECK(threads.stages[0].decode.step_ns == 3 * kLayerElements * 2 * 1'000 / 1'500);
    const ReplicaEstimate f32 = estimate_of("two-stages.toml", speed, {"model.dtype=f32", "model.compute=f32"});
    CHECK(f32.stages[0].decode.step_ns == 3 * kLayerElements * 4);
  }

  TEST_CASE("estimate: what computes for as long as it takes, logits for sampled tokens only") {
    MachineSpeed speed = free_machine();
    speed.flop_per_us_bf16 = 1'000;

    const ReplicaEstimate halves = estimate_of("two-stages.toml", speed);
    CHECK(halves.decode_sequences == 16);  // 32 in two micro-batches.
    CHECK(halves.prefill_tokens == 512);
    CHECK(halves.stages[0].decode.step_ns == 2 * 16 * 3 * kLayerElements);
    CHECK(halves.stages[1].decode.step_ns == 2 * 16 * (3 * kLayerElements + kHeadElements));
    CHECK(halves.stages[0].prefill.step_ns == 2 * 512 * 3 * kLayerElements);
    CHECK(halves.stages[1].prefill.step_ns == 2 * (512 * 3 * kLayerElements + kHeadElements));

    const ReplicaEstimate threads = estimate_of("two-stages.toml", speed, {"stage.0.threads=4"});
    CHECK(threads.stages[0].decode.step_ns == 2 * 16 * 3 * kLayerElements / 4);
    speed.flop_per_us_f32 = 2'000;
    const ReplicaEstimate f32 = estimate_of("two-stages.toml", speed, {"model.dtype=f32", "model.compute=f32"});
    CHECK(f32.stages[0].decode.step_ns == 16 * 3 * kLayerElements);
  }

  TEST_CASE("estimate: of a mixture it reads the experts that are hit, and computes with those that are chosen") {
    const Topology topology = *load_topology(test::source_path("configs/one-process.toml"));
    // Each layer one of 8 experts, of which a token chooses 2.
    const ModelConfig model = *parse_model_config(R"({"architectures": ["Qwen3MoeForCausalLM"], "vocab_size": 4096,
        "hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 2, "head_dim": 32, "intermediate_size": 32,
        "moe_intermediate_size": 1024, "num_experts": 8, "num_experts_per_tok": 2, "max_position_embeddings": 1024})");
    Plan plan = *make_plan(topology, model);
    plan.replicas[0].stages[0].threads = 1;
    const std::uint64_t always = 6 * (4 * 64 * 64 + 8 * 64);  // Attention and routers; the head counts in both.
    const std::uint64_t experts = 6 * 8 * 3 * 64 * 1024;
    const std::uint64_t head = 4096 * 64;

    plan.topology.batcher.max_sequences = 1;
    MachineSpeed memory = free_machine();
    memory.memory_bytes_per_us = memory.memory_bytes_per_us_max = 1'000;
    CHECK(estimate(plan, plan.replicas[0], memory).stages[0].decode.step_ns == (always + head + experts / 4) * 2);
    // Of two tokens' choices 1 - (3/4)^2 of the experts are hit, of hundreds all.
    plan.topology.batcher.max_sequences = 2;
    CHECK(estimate(plan, plan.replicas[0], memory).stages[0].decode.step_ns == (always + head + experts * 7 / 16) * 2);
    CHECK(std::abs(static_cast<double>(estimate(plan, plan.replicas[0], memory).stages[0].prefill.step_ns) -
                   static_cast<double>((always + head + experts) * 2)) < 1e-5 * static_cast<double>(experts));

    MachineSpeed compute = free_machine();
    compute.flop_per_us_bf16 = 1'000;
    CHECK(estimate(plan, plan.replicas[0], compute).stages[0].decode.step_ns == 2 * 2 * (always + head + experts / 4));
  }

  TEST_CASE("estimate: stages wait for the slowest one, which sets the pace") {
    MachineSpeed speed = free_machine();
    speed.flop_per_us_bf16 = 1'000;
    const ReplicaEstimate halves = estimate_of("two-stages.toml", speed);
    // 70.8 and 104.3 ms, mean 87.6.
    CHECK(halves.stages[0].decode.bubble_permille == 321);
    CHECK(halves.stages[1].decode.bubble_permille == 0);
    CHECK(halves.decode_imbalance_permille == 191);
    CHECK(halves.decode_tokens_per_s == 16 * 1'000'000'000ull / halves.stages[1].decode.step_ns);
    CHECK(halves.prefill_tokens_per_s == 512 * 1'000'000'000ull / halves.stages[1].prefill.step_ns);

    // The head weighs 1.4 layers: a cut of four and two is the other way round.
    const ReplicaEstimate moved = estimate_of("two-stages.toml", speed, {"stage.0.layers=0-3", "stage.1.layers=4-5"});
    CHECK(moved.stages[0].decode.bubble_permille == 0);
    CHECK(moved.stages[1].decode.bubble_permille == 144);
    CHECK(estimate_of("one-process.toml", speed).stages[0].decode.bubble_permille == 0);
  }

  TEST_CASE("estimate: ranks share the matrices, and exchange over links what they do not share in memory") {
    MachineSpeed speed = free_machine();
    speed.flop_per_us_bf16 = 1'000;
    speed.hop_ns = 1'000'000;
    const ReplicaEstimate in_memory = estimate_of("tensor-parallel.toml", speed);
    CHECK(in_memory.stages[0].decode.step_ns == 2 * 32 * (6 * kLayerElements + kHeadElements) / 2);

    speed = free_machine();
    speed.hop_ns = 1'000;
    speed.link_bytes_per_us = 1'000;
    const ReplicaEstimate over_links = estimate_of("two-by-two.toml", speed);
    const std::uint64_t hidden_bytes = 16 * 256 * 4;
    CHECK(over_links.stages[0].decode.step_ns == 7 * (1'000 + hidden_bytes));
    CHECK(over_links.stages[1].decode.step_ns == 7 * 1'000 + 6 * hidden_bytes + 16 * 4096 / 2 * 4);
  }

  TEST_CASE("estimate: a mock takes what [mock] says, and perhaps no time at all") {
    const ReplicaEstimate mock = estimate_of("mock.toml", {});
    CHECK(mock.stages == std::vector<StageEstimate>{{0, {1'640'000, 0}, {6'120'000, 0}}});
    CHECK(mock.decode_tokens_per_s == 39'024);
    const ReplicaEstimate none = estimate_of("mock.toml", {}, {"mock.step_us=0", "mock.token_us=0"});
    CHECK(none.decode_tokens_per_s == 0);
    CHECK(none.decode_imbalance_permille == 0);
  }

  TEST_CASE("estimate: a batcher that takes fewer tokens than sequences decodes so many") {
    CHECK(estimate_of("mock.toml", {}, {"batcher.max_batch_tokens=8"}).decode_sequences == 8);
  }
}

}  // namespace
}  // namespace sluice::topology
