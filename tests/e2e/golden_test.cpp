// The golden files of Hugging Face transformers, through the real ingress, on every cut of the pipeline.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

struct GoldenCase {
  std::string text;
  bool add_special_tokens = true;
  std::vector<TokenId> ids;
  std::vector<float> prompt_logprobs;
  std::vector<TokenId> greedy_ids;
  std::string greedy_text;
};

const std::vector<std::string> kModels = {"storyteller-llama", "storyteller-deepseek"};

std::vector<GoldenCase> golden_cases(const std::string& model) {
  std::ifstream file(golden_path(model));
  std::vector<GoldenCase> cases;
  for (const auto& entry : nlohmann::json::parse(file)) {
    cases.push_back({entry["text"], entry["add_special_tokens"], entry["ids"], entry["prompt_logprobs"],
                     entry["greedy"], entry["greedy_text"]});
  }
  REQUIRE(cases.size() == 5);
  return cases;
}

Generate request_for(const GoldenCase& golden, std::size_t index) {
  Generate request =
      greedy("case-" + std::to_string(index), golden.text, static_cast<std::uint32_t>(golden.greedy_ids.size()));
  request.add_special_tokens = golden.add_special_tokens;
  request.parse_special_tokens = true;
  request.ignore_eos = true;
  request.logprobs = {.output = true, .top = 8, .prompt = true, .digest = true};
  return request;
}

// The same prompt, sampled.
Generate seeded(Generate request) {
  request.request_id += "-seeded";
  request.sampling = SamplingParams{.temperature = 0.9f, .top_k = 50, .top_p = 0.95f};
  request.seed = 1234;
  return request;
}

// A topology that serves the model.
TopologyText topology_for(const std::string& model, std::vector<StageText> stages = {{"0-5", "head/cpu:0"}}) {
  TopologyText topology;
  topology.model = model_path(model).string();
  topology.stages = std::move(stages);
  return topology;
}

std::vector<Answer> run_golden(const EngineUnderTest& engine, const std::string& model,
                               const std::string& prefix = {}) {
  auto client = engine.connect();
  std::vector<Answer> answers;
  const auto cases = golden_cases(model);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Generate request = request_for(cases[i], i);
    request.request_id = prefix + request.request_id;
    answers.push_back(generate(client, request));
    REQUIRE_FALSE(answers.back().error.has_value());
    REQUIRE(answers.back().finished->usage.prompt_tokens == cases[i].ids.size());
  }
  return answers;
}

std::vector<Answer> run_golden(const TopologyText& topology, const std::string& model) {
  return run_golden(EngineUnderTest(topology), model);
}

void check_prompt_logprobs(const std::vector<Answer>& answers, const std::string& model, double tolerance) {
  const auto cases = golden_cases(model);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& logprobs = answers[i].finished->prompt_logprobs;
    REQUIRE(logprobs.size() == cases[i].prompt_logprobs.size());
    for (std::size_t j = 0; j < logprobs.size(); ++j) {
      CHECK(std::abs(static_cast<double>(logprobs[j]) - static_cast<double>(cases[i].prompt_logprobs[j])) <= tolerance);
    }
  }
}

void check_greedy(const std::vector<Answer>& answers, const std::string& model) {
  const auto cases = golden_cases(model);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CHECK(answers[i].ids == cases[i].greedy_ids);
    CHECK(answers[i].text == cases[i].greedy_text);
  }
}

// To the bit: log-probabilities, the most likely tokens, and the digest of all logits behind each token.
void check_same_bits(const std::vector<Answer>& answers, const std::vector<Answer>& others) {
  REQUIRE(answers.size() == others.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CHECK(answers[i].ids == others[i].ids);
    CHECK(answers[i].logprobs == others[i].logprobs);
    CHECK(answers[i].finished->prompt_logprobs == others[i].finished->prompt_logprobs);
    for (const TokenLogprobs& logprobs : answers[i].logprobs) CHECK(logprobs.digest != 0);
  }
}

// The cases sampled.
std::vector<Answer> run_seeded(const EngineUnderTest& engine, const std::string& model) {
  auto client = engine.connect();
  std::vector<Answer> answers;
  const auto cases = golden_cases(model);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    answers.push_back(generate(client, seeded(request_for(cases[i], i))));
    REQUIRE(answers.back().finished.has_value());
  }
  return answers;
}

// Tokens, and log-probabilities as close as another order of sums leaves them.
void check_close(const std::vector<Answer>& answers, const std::vector<Answer>& others) {
  REQUIRE(answers.size() == others.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CHECK(answers[i].ids == others[i].ids);
    REQUIRE(answers[i].logprobs.size() == others[i].logprobs.size());
    for (std::size_t j = 0; j < answers[i].logprobs.size(); ++j) {
      CHECK(std::abs(answers[i].logprobs[j].logprob - others[i].logprobs[j].logprob) <= 1e-4f);
    }
  }
}

// The workers that a topology file names, started; of host "any" two.
std::vector<std::unique_ptr<Program>> start_workers(const EngineUnderTest& engine, const std::string& toml) {
  static const std::regex kPlace("\"([a-z0-9-]+)/cpu:0\"");
  std::set<std::string> names;
  for (std::sregex_iterator at(toml.begin(), toml.end(), kPlace), end; at != end; ++at) names.insert((*at)[1]);
  names.erase("head");
  names.erase("spawn");
  if (names.erase("any") == 1) names.insert({"spare-1", "spare-2"});
  std::vector<std::unique_ptr<Program>> workers;
  for (const std::string& name : names) {
    workers.push_back(std::make_unique<Program>(
        std::vector<std::string>{"worker", "--connect", engine.control(), "--name", name, "--log-level", "error"}));
  }
  return workers;
}

// Sanitizers make an engine some ten times slower: there only cuts that no other case here has.
bool is_left_out(const std::string& name) {
#ifdef __SANITIZE_ADDRESS__
  return name != "uneven-with-standby.toml" && name != "two-by-two.toml";
#else
  static_cast<void>(name);
  return false;
#endif
}

const std::vector<Answer>& one_stage_f32(const std::string& model) {
  static std::map<std::string, std::vector<Answer>> answers;
  if (!answers.contains(model)) answers[model] = run_golden(topology_for(model), model);
  return answers[model];
}

TopologyText three_processes(const std::string& model, const std::string& transport) {
  TopologyText topology = topology_for(model, {{"0-1", "head/cpu:0"}, {"2-3", "spawn/cpu:0"}, {"4-5", "spawn/cpu:0"}});
  topology.transport = transport;
  return topology;
}

TopologyText with_ranks(const std::string& model, const std::string& ranks) {
  return topology_for(model, {{"0-5", ranks}});
}

// Serves a shipped file with its own model.
void check_shipped(const std::string& name, const std::vector<Answer>& sampled) {
  CAPTURE(name);
  const TopologyText topology = shipped_topology(name, "f32");
  EngineUnderTest engine(topology, false);
  const auto workers = start_workers(engine, topology.as_written);
  engine.wait_until_ready();
  const auto answers = run_golden(engine, kDemoModel);
  check_greedy(answers, kDemoModel);
  if (is_tensor_parallel(topology)) {
    check_close(answers, one_stage_f32(kDemoModel));
    check_close(run_seeded(engine, kDemoModel), sampled);
  } else {
    check_same_bits(answers, one_stage_f32(kDemoModel));
    check_same_bits(run_seeded(engine, kDemoModel), sampled);
  }
}

TEST_SUITE("e2e/golden") {
  TEST_CASE("f32: one stage in process gives the golden tokens, text and prompt log-probabilities") {
    for (const auto& model : kModels) {
      CAPTURE(model);
      check_greedy(one_stage_f32(model), model);
      check_prompt_logprobs(one_stage_f32(model), model, 1e-4);
    }
  }

  TEST_CASE("f32: two stages in process give the golden tokens, and the bits of one stage") {
    for (const auto& model : kModels) {
      CAPTURE(model);
      const auto answers = run_golden(topology_for(model, {{"0-2", "head/cpu:0"}, {"3-5", "head/cpu:0"}}), model);
      check_greedy(answers, model);
      check_same_bits(answers, one_stage_f32(model));
    }
  }

  TEST_CASE("f32: three stages in three processes over ipc and tcp give the golden tokens, and the bits of one stage") {
    for (const auto& model : kModels) {
      for (const std::string transport : {"ipc", "tcp"}) {
        CAPTURE(model);
        CAPTURE(transport);
        const auto answers = run_golden(three_processes(model, transport), model);
        check_greedy(answers, model);
        check_prompt_logprobs(answers, model, 1e-4);
        check_same_bits(answers, one_stage_f32(model));
      }
    }
  }

  TEST_CASE("tensor parallel: two ranks in one process give the golden tokens, and the same bits as over links") {
    for (const auto& model : kModels) {
      CAPTURE(model);
      const auto answers = run_golden(with_ranks(model, "head/cpu:0, head/cpu:0"), model);
      check_greedy(answers, model);
      check_prompt_logprobs(answers, model, 1e-4);
      check_same_bits(run_golden(with_ranks(model, "head/cpu:0, spawn/cpu:0"), model), answers);
      check_same_bits(run_golden(with_ranks(model, "spawn:a/cpu:0, spawn:a/cpu:0"), model), answers);
      TopologyText tcp = with_ranks(model, "spawn/cpu:0, spawn/cpu:0");
      tcp.transport = "tcp";
      check_same_bits(run_golden(tcp, model), answers);
    }
  }

  TEST_CASE("tensor parallel: experts that go to ranks whole give the golden tokens, in one process and over links") {
    const std::string model = "storyteller-deepseek";
    TopologyText topology = with_ranks(model, "head/cpu:0, head/cpu:0");
    topology.experts = "by_expert";
    const auto answers = run_golden(topology, model);
    check_greedy(answers, model);
    check_prompt_logprobs(answers, model, 1e-4);
    topology.stages = {{"0-5", "head/cpu:0, spawn/cpu:0"}};
    check_same_bits(run_golden(topology, model), answers);
  }

  TEST_CASE("tensor parallel: two stages of two ranks in four processes have the bits of two ranks") {
    for (const auto& model : kModels) {
      CAPTURE(model);
      const auto answers = run_golden(
          topology_for(model, {{"0-2", "head/cpu:0, spawn/cpu:0"}, {"3-5", "spawn/cpu:0, spawn/cpu:0"}}), model);
      check_greedy(answers, model);
      check_same_bits(answers, run_golden(with_ranks(model, "head/cpu:0, head/cpu:0"), model));
    }
  }

  TEST_CASE(
      "tensor parallel: four ranks, which share KV heads, give the golden tokens, in one process and over links") {
    for (const auto& model : kModels) {
      CAPTURE(model);
      const auto answers = run_golden(with_ranks(model, "head/cpu:0, head/cpu:0, head/cpu:0, head/cpu:0"), model);
      check_greedy(answers, model);
      check_prompt_logprobs(answers, model, 1e-4);
      check_same_bits(run_golden(with_ranks(model, "head/cpu:0, spawn:a/cpu:0, spawn:a/cpu:0, spawn:b/cpu:0"), model),
                      answers);
    }
  }

  TEST_CASE("f32: two replicas, cut in two ways, give the golden tokens, and the bits of one stage") {
    const std::string model = kDemoModel;
    TopologyText topology = topology_for(model);
    topology.router = "policy = 'round_robin'\n";
    topology.replicas =
        "[[replica]]\n[[replica.stage]]\nlayers = '0-5'\nranks = ['spawn/cpu:0']\n"
        "[[replica]]\n[[replica.stage]]\nlayers = '0-3'\n[[replica.stage]]\nlayers = '4-5'\n"
        "ranks = ['spawn/cpu:0']\n";
    EngineUnderTest engine(topology);
    engine.check_metrics({{"sluice_replica_up{replica=\"0\"}", 1}, {"sluice_replica_up{replica=\"1\"}", 1}});
    for (int round = 0; round < 2; ++round) {  // An odd number of cases: each meets both.
      const auto answers = run_golden(engine, model, "round-" + std::to_string(round) + "-");
      check_greedy(answers, model);
      check_same_bits(answers, one_stage_f32(model));
    }
    engine.check_metrics({{"sluice_router_decisions_total{replica=\"0\",by=\"round_robin\"}", 5},
                          {"sluice_router_decisions_total{replica=\"1\",by=\"round_robin\"}", 5}});
  }

  TEST_CASE("every shipped topology gives the golden tokens, greedy and seeded, in f32") {
    // mock.toml has no weights; hosts_test.cpp serves on other hosts.
    const std::set<std::string> elsewhere = {"mock.toml", "workers-on-hosts-curve.toml"};
    const std::vector<Answer> sampled =
        run_seeded(EngineUnderTest(shipped_topology("one-process.toml", "f32")), kDemoModel);
    int num_served = 0;
    for (const auto& entry : std::filesystem::directory_iterator(source_path("configs"))) {
      const std::string name = entry.path().filename().string();
      if (entry.path().extension() != ".toml" || elsewhere.contains(name) || is_left_out(name)) continue;
      check_shipped(name, sampled);
      ++num_served;
    }
    CHECK(num_served >= (is_left_out("one-process.toml") ? 2 : 10));
  }

  TEST_CASE("f32 weights: the same bits as bf16 weights, which they are") {
    for (const auto& model : kModels) {
      CAPTURE(model);
      TopologyText topology = topology_for(model);
      topology.dtype = "f32";
      check_same_bits(run_golden(topology, model), one_stage_f32(model));
    }
  }

  TEST_CASE("scalar and avx2 kernels: the golden tokens as well") {
    for (const auto& model : kModels) {
      for (const std::string path : {"scalar", "avx2"}) {
        CAPTURE(model);
        CAPTURE(path);
        TopologyText topology = topology_for(model);
        topology.kernel_path = path;
        check_greedy(run_golden(topology, model), model);
      }
    }
  }

  TEST_CASE("bf16 compute: prompt log-probabilities within 5e-2, and the same bits on three processes as on one") {
    for (const auto& model : kModels) {
      CAPTURE(model);
      TopologyText one = topology_for(model);
      one.compute = "bf16";
      TopologyText three = three_processes(model, "ipc");
      three.compute = "bf16";
      const auto answers = run_golden(one, model);
      check_prompt_logprobs(answers, model, 5e-2);
      check_same_bits(run_golden(three, model), answers);
    }
  }
}

}  // namespace
}  // namespace sluice::test
