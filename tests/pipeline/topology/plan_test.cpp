#include "pipeline/topology/plan.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "pipeline/topology/topology_parser.h"
#include "tests/pipeline/model/published_configs.h"
#include "tests/pipeline/topology/test_model.h"
#include "tests/support/paths.h"

namespace sluice::topology {
namespace {

using test::make_model;

// One block of 16 tokens of one layer of make_model() in bf16: keys and values of 2 heads of 64.
constexpr std::uint64_t kBlockLayerBytes = 16 * 2 * 2 * 64 * 2;

StageTopology make_stage(std::uint32_t first_layer, std::uint32_t num_layers, Host host = {}) {
  return {.first_layer = first_layer, .num_layers = num_layers, .ranks = {{std::move(host), {}}}};
}

Topology make_topology(std::vector<StageTopology> stages) {
  Topology topology;
  topology.model.path = "m";
  topology.stages = std::move(stages);
  return topology;
}

std::string error_of(const Topology& topology) {
  const Result<Plan> plan = make_plan(topology, make_model());
  if (plan.ok()) return "planned";
  CHECK(plan.error().code == ErrorCode::kInvalidConfig);
  return plan.error().message;
}

std::vector<std::string> links_of(const Plan& plan) {
  std::vector<std::string> links;
  for (const LinkPlan& link : plan.links) {
    if (link.from.starts_with("stage") || link.to.starts_with("stage")) {
      links.push_back(link.from + " > " + link.to + " " + std::string(to_string(link.transport)));
    }
  }
  return links;
}

TEST_SUITE("pipeline/topology/plan") {
  TEST_CASE("make_plan: the weights of all stages are those of one, the tied table counted on both ends") {
    const Result<Plan> whole = make_plan(make_topology({make_stage(0, 6)}), make_model());
    const Result<Plan> halves = make_plan(make_topology({make_stage(0, 3), make_stage(3, 3)}), make_model());

    REQUIRE(whole.ok());
    REQUIRE(halves.ok());
    const std::uint64_t table_bytes = 4096 * 256 * 2;
    CHECK(halves->replicas[0].stages[0].weights_bytes + halves->replicas[0].stages[1].weights_bytes ==
          whole->replicas[0].stages[0].weights_bytes + table_bytes);
    CHECK(whole->replicas[0].stages[0].weights_bytes > table_bytes);
  }

  TEST_CASE("make_plan: stages in the head share one KV budget, others have one each") {
    Topology topology = make_topology({make_stage(0, 2), make_stage(2, 2), make_stage(4, 2, {Host::Kind::kSpawn, ""})});
    topology.batcher.kv_cache_bytes = 4 * kBlockLayerBytes * 10 + 1;

    const Result<Plan> plan = make_plan(topology, make_model());

    REQUIRE(plan.ok());
    CHECK(plan->replicas[0].num_blocks == 10);  // Four layers in the head decide; the spawned stage could hold 20.
    for (const StagePlan& stage : plan->replicas[0].stages) CHECK(stage.kv_cache_bytes == 10 * 2 * kBlockLayerBytes);
  }

  TEST_CASE("make_plan: the pipeline is as deep as it has stages and ends at the batcher") {
    const Result<Plan> plan = make_plan(
        make_topology({make_stage(0, 1), make_stage(1, 1), make_stage(2, 1, {Host::Kind::kSpawn, ""}),
                       make_stage(3, 2, {Host::Kind::kSpawn, "b"}), make_stage(5, 1, {Host::Kind::kWorker, "w"})}),
        make_model());

    REQUIRE(plan.ok());
    CHECK(plan->replicas[0].pipeline_depth == 5);
    CHECK(links_of(*plan) == std::vector<std::string>{"batcher > stage 0 inproc", "stage 0 > stage 1 inproc",
                                                      "stage 1 > stage 2 ipc", "stage 2 > stage 3 ipc",
                                                      "stage 3 > stage 4 tcp", "stage 4 > batcher tcp"});
    CHECK(plan->replicas[0].stages[1].worker == "");
    CHECK(plan->replicas[0].stages[2].worker == "stage-2");
    CHECK(plan->replicas[0].stages[3].worker == "b");
    CHECK(plan->replicas[0].stages[4].worker == "w");
    CHECK(plan->needs_workers());
  }

  TEST_CASE("make_plan: spawned processes are linked by tcp where the file says so") {
    Topology topology = make_topology({make_stage(0, 3), make_stage(3, 3, {Host::Kind::kSpawn, ""})});
    topology.links.transport = LinksTopology::Transport::kTcp;

    const Result<Plan> plan = make_plan(topology, make_model());

    REQUIRE(plan.ok());
    CHECK(links_of(*plan) ==
          std::vector<std::string>{"batcher > stage 0 inproc", "stage 0 > stage 1 tcp", "stage 1 > batcher tcp"});
    CHECK_FALSE(make_plan(make_topology({make_stage(0, 6)}), make_model())->needs_workers());
  }

  TEST_CASE("make_plan: what leaves this host is encrypted where there are keys, the rest where all shall be") {
    Topology topology = make_topology(
        {make_stage(0, 2), make_stage(2, 2, {Host::Kind::kWorker, "a"}), make_stage(4, 2, {Host::Kind::kSpawn, ""})});
    topology.supervisor.bind = "tcp://10.0.0.1:5550";
    const auto encrypted = [&] {
      const auto plan = make_plan(topology, make_model());
      REQUIRE(plan.ok());
      std::vector<std::string> links;
      for (const LinkPlan& link : plan->links) {
        if (link.is_encrypted) links.push_back(link.from + " > " + link.to);
      }
      if (plan->encrypts_control()) links.push_back("control");
      CHECK(plan->host_for_links() == "10.0.0.1");
      return links;
    };
    CHECK(encrypted().empty());
    topology.security.key = "k";
    CHECK(encrypted() == std::vector<std::string>{"stage 0 > stage 1", "stage 1 > stage 2", "control"});
    topology.security.local = true;
    CHECK(encrypted() ==
          std::vector<std::string>{"stage 0 > stage 1", "stage 1 > stage 2", "stage 2 > batcher", "control"});
    topology.security = {.key = "k", .allow = "a", .ingress = true, .control = false, .stages = false};
    CHECK(encrypted().empty());
  }

  TEST_CASE("make_plan: a bind beyond loopback without keys is noted: serve refuses it") {
    Topology topology = make_topology({make_stage(0, 6, {Host::Kind::kWorker, "a"})});
    topology.ingress.bind = "tcp://0.0.0.0:5555";
    topology.supervisor.bind = "tcp://10.0.0.1:5550";
    const auto notes = make_plan(topology, make_model())->notes;
    REQUIRE(notes.size() == 3);
    CHECK(notes[1] ==
          "[ingress] bind tcp://0.0.0.0:5555 is beyond loopback and has no keys: serve refuses it but for --insecure "
          "(docs/SECURITY.md)");
    CHECK(notes[2].starts_with("[supervisor] bind tcp://10.0.0.1:5550 is beyond loopback"));
    topology.security.key = "k";
    CHECK(
        make_plan(topology, make_model())->notes ==
        std::vector<std::string>{"stage 0 waits for: sluice worker --connect tcp://10.0.0.1:5550 --name a --key a.key "
                                 "--head-key HEAD.pub"});
  }

  TEST_CASE("make_plan: layers that do not cover the model exactly once are refused") {
    CHECK(error_of(make_topology({})) == "no stage has layers 0-5 of the model's 6");
    CHECK(error_of(make_topology({make_stage(0, 5)})) == "no stage has layers 5 of the model's 6");
    CHECK(error_of(make_topology({make_stage(0, 7)})) == "stage 0 has layers 0-6, but the model's last layer is 5");
    CHECK(error_of(make_topology({make_stage(0, 3), make_stage(4, 2)})) ==
          "stage 1 has layers 4-5, but the next layer is 3");
    CHECK(error_of(make_topology({make_stage(0, 3), make_stage(2, 4)})) ==
          "stage 1 has layers 2-5, but the next layer is 3");
    CHECK(error_of(make_topology({make_stage(0, 0), make_stage(0, 6)})) == "stage 0 has no layers");
    CHECK(error_of(make_topology({make_stage(0, 6), make_stage(6, 0xffffffff)})).starts_with("stage 1 has layers 6-"));
  }

  TEST_CASE("make_plan: what the engine does not do is refused") {
    Topology three_ranks = make_topology({make_stage(0, 6)});
    three_ranks.stages[0].ranks.resize(3);
    CHECK(error_of(three_ranks) == "stage 0: 3 ranks do not divide the model's 4 attention heads");

    Topology no_rank = make_topology({make_stage(0, 6)});
    no_rank.stages[0].ranks.clear();
    CHECK(error_of(no_rank) == "stage 0 has no rank");

    Topology cuda = make_topology({make_stage(0, 6)});
    cuda.stages[0].ranks[0].device = {Device::Kind::kCuda, 1};
    CHECK(error_of(cuda) == "stage 0 is on head/cuda:1: CUDA devices are not supported yet");

    Topology mixed = make_topology({make_stage(0, 6)});
    mixed.model.dtype = DType::kF32;
    mixed.model.compute = DType::kBF16;
    CHECK(error_of(mixed) ==
          "weights in f32 with compute in bf16 would round every weight anew for each product: use dtype bf16");
    mixed.model.compute = DType::kF32;
    CHECK(error_of(mixed) == "planned");
  }

  TEST_CASE("make_plan: a mock has blocks and no weights, and its steps end before they count as hung") {
    Topology topology = make_topology({make_stage(0, 3), make_stage(3, 3)});
    topology.model.weights = WeightsKind::kMock;
    topology.mock = {.step_us = 100, .token_us = 10};
    const Result<Plan> plan = make_plan(topology, make_model());
    REQUIRE(plan.ok());
    CHECK(plan->replicas[0].stages[1].weights_bytes == 0);
    topology.model.weights = WeightsKind::kFile;
    CHECK(plan->replicas[0].num_blocks == make_plan(topology, make_model())->replicas[0].num_blocks);
    const std::string text = render_plan(*plan);
    CHECK(text.find("\ncompute   none: a mock, 100 us a step and 10 us a token on each stage\n") != std::string::npos);
    CHECK(text.ends_with(
        "\nnote: the model is a mock: known tokens, no weights; KV blocks are counted, not allocated\n"));

    topology.model.weights = WeightsKind::kMock;
    topology.mock.token_us = 20'000;
    CHECK(error_of(topology) ==
          "[mock] makes a step of 2048 tokens take 40960100 us, but stage_step_timeout_ms counts a stage as hung after "
          "30000 ms");
  }

  TEST_CASE("make_plan: random weights make a plan of a model of which only config.json is there") {
    // Llama-3.2-1B as it is published.
    const Result<ModelConfig> model = parse_model_config(R"({
      "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000,
      "eos_token_id": 128001, "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
      "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
      "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1,
      "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
      "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
      "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 128256})");
    REQUIRE(model.ok());
    CHECK(model->initializer_range == 0.02f);
    Topology topology = make_topology({make_stage(0, 8), make_stage(8, 8)});
    topology.model.weights = WeightsKind::kRandom;
    topology.batcher.kv_cache_bytes = std::uint64_t{8} << 30;
    const Result<Plan> plan = make_plan(topology, *model);
    REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : plan.error().message));
    // 1,235,814,400 parameters, and the table once more on the other end.
    CHECK(plan->replicas[0].stages[0].weights_bytes + plan->replicas[0].stages[1].weights_bytes ==
          2 * (1'235'814'400ull + 128'256 * 2048));
    CHECK(render_plan(*plan).find("\ncompute   bf16, weights bf16 random, kernels auto\n") != std::string::npos);
    CHECK(plan->notes == std::vector<std::string>{"the weights are drawn at random: the output means nothing"});
  }

  TEST_CASE("make_plan: DeepSeek-V3 as it is published, over two hosts of eight ranks") {
    const Result<ModelConfig> model = parse_model_config(test::kDeepSeekV3Config);
    REQUIRE(model.ok());
    Topology topology = make_topology({make_stage(0, 31), make_stage(31, 30)});
    topology.model.weights = WeightsKind::kRandom;
    topology.model.experts = ExpertSplit::kByExpert;
    topology.batcher.kv_cache_bytes = std::uint64_t{8} << 30;
    for (StageTopology& stage : topology.stages) stage.ranks.resize(8, stage.ranks[0]);
    const Result<Plan> plan = make_plan(topology, *model);
    REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : plan.error().message));
    const StagePlan& rank = plan->replicas[0].stages[8 + 3];
    CHECK(rank.shard == Shard{3, 8, ExpertSplit::kByExpert});
    // A share of 671 billion parameters of two bytes; what ranks do not share out adds some 0.6 percent.
    CHECK(rank.weights_bytes > 671'026'419'200ull / 8 * 30 / 61 * 2);
    CHECK(rank.weights_bytes < 671'026'419'200ull / 8 * 32 / 61 * 2);
    // 512 + 64 elements of four bytes for each token and layer on every rank, of which one device has sixteen here.
    CHECK(rank.kv_cache_bytes == std::uint64_t{plan->replicas[0].num_blocks} * 16 * 30 * 576 * 4);
    CHECK(plan->replicas[0].num_blocks == (std::uint64_t{8} << 30) / (std::uint64_t{8} * 16 * 61 * 576 * 4));
    const std::string text = render_plan(*plan);
    CHECK(text.find("\nlayers    latent attention, 128 heads, of a token 512 + 64 elements cached\n") !=
          std::string::npos);
    CHECK(text.find("\n          8 of 256 experts of 2048, shared ones of 2048 in 58 layers, between ranks by_expert; "
                    "else SwiGLU of 18432\n") != std::string::npos);
  }

  TEST_CASE("make_plan: stages of one worker share its process, budget and inproc links") {
    Topology topology = make_topology({make_stage(0, 1), make_stage(1, 2, {Host::Kind::kSpawn, "a"}),
                                       make_stage(3, 2, {Host::Kind::kSpawn, "a"}), make_stage(5, 1)});
    topology.batcher.kv_cache_bytes = 4 * kBlockLayerBytes * 10;

    const Result<Plan> plan = make_plan(topology, make_model());

    REQUIRE(plan.ok());
    CHECK(plan->replicas[0].num_blocks == 10);
    CHECK(links_of(*plan) == std::vector<std::string>{"batcher > stage 0 inproc", "stage 0 > stage 1 ipc",
                                                      "stage 1 > stage 2 inproc", "stage 2 > stage 3 ipc",
                                                      "stage 3 > batcher inproc"});
    CHECK_FALSE(plan->waits_for_workers());
  }

  TEST_CASE("make_plan: a name is spawned or waited for, not both") {
    CHECK(error_of(make_topology(
              {make_stage(0, 3, {Host::Kind::kSpawn, "a"}), make_stage(3, 3, {Host::Kind::kWorker, "a"})})) ==
          "the worker 'a' is spawned for one stage and waited for by another");
    CHECK(error_of(make_topology(
              {make_stage(0, 3, {Host::Kind::kWorker, "stage-1"}), make_stage(3, 3, {Host::Kind::kSpawn, ""})})) ==
          "the worker 'stage-1' is spawned for one stage and waited for by another");
  }

  TEST_CASE("make_plan: a place on any worker is a process of its own, perhaps elsewhere") {
    const auto plan =
        make_plan(make_topology({make_stage(0, 3, {Host::Kind::kAny, ""}), make_stage(3, 3, {Host::Kind::kAny, ""})}),
                  make_model());
    REQUIRE(plan.ok());
    const auto& stages = plan->replicas[0].stages;
    CHECK(stages[0].worker.empty());
    CHECK(process_of(stages[0]) == "any:0");
    CHECK(process_of(stages[1]) == "any:1");
    CHECK(plan->waits_for_workers());
    CHECK(plan->needs_workers());
    for (const LinkPlan& link : plan->links) {
      const bool is_of_stages = link.from.starts_with("stage") || link.to.starts_with("stage");
      CHECK((link.transport == LinkTransport::kTcp) == is_of_stages);
    }
    CHECK(plan->notes.at(0) == "stage 0 waits for any: sluice worker --connect tcp://127.0.0.1:5550 --name NAME");
    CHECK(render_plan(*plan).find("any/cpu:0  any") != std::string::npos);
  }

  TEST_CASE("make_plan: a KV cache below one block is refused, below one context noted") {
    Topology topology = make_topology({make_stage(0, 6)});
    topology.batcher.kv_cache_bytes = 6 * kBlockLayerBytes - 1;
    CHECK(error_of(topology) == "kv_cache is 49151 bytes, but one block of 16 tokens takes 49152 bytes on head/cpu:0");

    topology.batcher.kv_cache_bytes = 6 * kBlockLayerBytes * 63;
    const Result<Plan> small = make_plan(topology, make_model());
    REQUIRE(small.ok());
    CHECK(small->notes ==
          std::vector<std::string>{"the KV cache holds 1008 tokens, less than one context of 1024: longer "
                                   "sequences fail with out_of_blocks"});

    topology.batcher.kv_cache_bytes = 6 * kBlockLayerBytes * 64;
    CHECK(make_plan(topology, make_model())->notes.empty());
  }

  TEST_CASE("make_plan: a link's window that no full micro-batch fits through is refused") {
    Topology topology = make_topology({make_stage(0, 3), make_stage(3, 3)});
    topology.batcher.max_batch_tokens = 128;
    const std::uint64_t largest_bytes =
        128 * (256 * 4 + 4) + 64 * 1024 * 4 + 64 * (65 * 4 + 64 + 256 + 1024 * 8) + (64 + 256) * 8 + 65536;
    topology.links.window_bytes = largest_bytes;
    CHECK(error_of(topology) == "planned");

    topology.links.window_bytes = largest_bytes - 1;
    CHECK(error_of(topology) == "links' window_bytes is " + std::to_string(largest_bytes - 1) +
                                    ", but a micro-batch of 128 tokens takes up to " + std::to_string(largest_bytes) +
                                    " bytes: raise it, or lower max_batch_tokens");
  }

  TEST_CASE("make_plan: more sequences in a micro-batch than one message can describe are refused") {
    Topology topology = make_topology({make_stage(0, 3), make_stage(3, 3)});
    topology.batcher.max_batch_tokens = 65'536;
    topology.batcher.max_sequences = 65'536;
    topology.links.window_bytes = std::uint64_t{1} << 30;
    CHECK(error_of(topology).find("beside its hidden states, limit 67108864: lower max_sequences") !=
          std::string::npos);
    topology.batcher.max_sequences = 4096;
    CHECK(error_of(topology) == "planned");
  }

  TEST_CASE("make_plan: a token budget below the decodes of a step is noted") {
    Topology topology = make_topology({make_stage(0, 3), make_stage(3, 3)});
    topology.batcher.max_sequences = 64;
    topology.batcher.max_batch_tokens = 32;
    CHECK(make_plan(topology, make_model())->notes.empty());

    topology.batcher.max_batch_tokens = 31;
    CHECK(make_plan(topology, make_model())->notes ==
          std::vector<std::string>{
              "max_batch_tokens (31) is less than the 32 sequences that a step could decode: they take turns"});
  }

  TEST_CASE("render_plan: shows a shipped topology as people read it") {
    Result<Topology> topology = load_topology(test::source_path("configs/two-processes.toml"));
    REQUIRE(topology.ok());
    const Result<ModelConfig> model = load_model_config(topology->model.path);
    REQUIRE(model.ok());
    topology->model.path = "storyteller-deepseek";
    const Result<Plan> plan = make_plan(*topology, *model);
    REQUIRE(plan.ok());

    CHECK(render_plan(*plan) == R"(model     storyteller-deepseek
          DeepseekV3ForCausalLM, 6 layers, context 1024 tokens, vocabulary 4096
layers    latent attention, 4 heads, of a token 64 + 32 elements cached
          4 of 16 experts of 64, shared ones of 64 in 5 layers, between ranks by_width; else SwiGLU of 512
compute   bf16, weights bf16, kernels auto
ingress   tcp://127.0.0.1:5555, 64 requests at a time
batcher   32 sequences, 512 tokens a micro-batch, 2 micro-batches in flight
KV cache  3640 blocks of 16 tokens: 58240 tokens
metrics   http://127.0.0.1:9464

stage  layers  rank         worker   threads  weights  KV cache
0      0-2     head/cpu:0   -        1        5.0 MiB  63.9 MiB
1      3-5     spawn/cpu:0  stage-1  1        5.6 MiB  63.9 MiB

host  device  processes      stages  threads  weights   KV cache
head  cpu:0   head, stage-1  0, 1    2        10.7 MiB  127.9 MiB

estimated, to compare cuts (see docs/TOPOLOGY.md for what is not in it):
stage  decode of     step    bubble  prefill of  step      bubble
0      16 sequences  355 us  41.0 %  512 tokens  11.36 ms  0.0 %
1      16 sequences  602 us  0.0 %   512 tokens  10.13 ms  10.8 %
     decode          imbalance  prefill         imbalance
all  26573 tokens/s  25.7 %     45040 tokens/s  5.7 %

link                     travels  messages  bytes
ingress    -> tokenizer  inproc   64        64.0 MiB
ingress    -> responder  inproc   64        64.0 MiB
tokenizer  -> batcher    inproc   64        64.0 MiB
tokenizer  -> responder  inproc   64        64.0 MiB
batcher    -> stage 0    inproc   64        64.0 MiB
stage 0    -> stage 1    ipc      64        64.0 MiB
stage 1    -> batcher    ipc      64        64.0 MiB
batcher    -> responder  inproc   64        64.0 MiB
responder  -> batcher    inproc   64        64.0 MiB
responder  -> ingress    inproc   64        64.0 MiB
)");
  }

  TEST_CASE("render_plan: ends with the notes") {
    const Result<Plan> plan =
        make_plan(make_topology({make_stage(0, 6, {Host::Kind::kWorker, "worker-a"})}), make_model());
    REQUIRE(plan.ok());
    CHECK(render_plan(*plan).ends_with(
        "\n\nnote: stage 0 waits for: sluice worker --connect tcp://127.0.0.1:5550 --name worker-a\n"));
  }

  TEST_CASE("configs: every shipped file loads, plans and has a line in the README") {
    std::size_t num_files = 0;
    std::ifstream file(test::source_path("configs/README.md"));
    const std::string readme(std::istreambuf_iterator<char>(file), {});
    for (const auto& entry : std::filesystem::directory_iterator(test::source_path("configs"))) {
      if (entry.path().extension() != ".toml") continue;
      ++num_files;
      CAPTURE(entry.path().string());
      const Result<Topology> topology = load_topology(entry.path());
      REQUIRE_MESSAGE(topology.ok(), (topology.ok() ? "" : topology.error().message));
      const Result<ModelConfig> model = load_model_config(topology->model.path);
      REQUIRE_MESSAGE(model.ok(), (model.ok() ? "" : model.error().message));
      const Result<Plan> plan = make_plan(*topology, *model);
      REQUIRE_MESSAGE(plan.ok(), (plan.ok() ? "" : plan.error().message));
      CHECK(readme.find("(" + entry.path().filename().string() + ")") != std::string::npos);
    }
    CHECK(num_files >= 6);
  }
}

}  // namespace
}  // namespace sluice::topology
