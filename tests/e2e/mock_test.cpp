// Models without weights through the whole engine: a mock gives its known tokens on every cut, and real kernels serve a
// directory of which only config.json is there.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/mock_model.h"
#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

constexpr std::uint32_t kVocabSize = 4096;

const std::vector<StageText> kOneStage = {{"0-5", "head/cpu:0"}};
const std::vector<StageText> kThreeProcesses = {{"0-1", "head/cpu:0"}, {"2-3", "spawn/cpu:0"}, {"4-5", "spawn/cpu:0"}};

// The demo model's config.json, and nothing else.
class BareModel {
 public:
  BareModel() { std::filesystem::copy(model_path() / "config.json", folder_.path() / "config.json"); }
  TopologyText topology(const std::string& weights, const std::vector<StageText>& stages) const {
    TopologyText topology;
    topology.model = folder_.path().string();
    topology.weights = weights;
    topology.stages = stages;
    return topology;
  }

 private:
  TemporaryFolder folder_;
};

Generate ids_request(const std::string& id, std::uint64_t seed, std::uint32_t max_tokens) {
  Generate request = greedy(id, std::vector<TokenId>{1, 2, 3, 4, 5}, max_tokens);
  request.seed = seed;
  request.ignore_eos = true;
  return request;
}

// Of token ids, with every answer compared; what it reports.
nlohmann::json offer_load(const EngineUnderTest& engine, const std::vector<std::string>& flags, int exit_code) {
  std::vector<std::string> arguments = {"load",    "--connect", engine.ingress(), "--json", "--verify-mock",
                                        "--vocab", "4096"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Program load(arguments);
  const std::string output = load.rest();
  CHECK(load.wait() == exit_code);
  const auto report = nlohmann::json::parse(output, nullptr, false);
  REQUIRE(report.is_object());
  return report;
}

void check_refuses_text(transport::Client& client) {
  const Error refusal{ErrorCode::kInvalidRequest, "this model has no tokenizer; send token ids"};
  CHECK(generate(client, greedy("text", "Once upon a time", 4)).error == refusal);
  CHECK(generate(client, greedy("chat", std::vector<ChatMessage>{{"user", "Hello"}}, 4)).error == refusal);
}

TEST_SUITE("e2e/mock") {
  TEST_CASE("a mock gives the known tokens, in one process and in three") {
    const BareModel model;
    for (const auto& stages : {kOneStage, kThreeProcesses}) {
      TopologyText topology = model.topology("mock", stages);
      topology.mock_step_us = 50;
      topology.mock_token_us = 1;
      EngineUnderTest engine(topology);
      auto client = engine.connect();
      check_refuses_text(client);
      for (std::uint32_t choice = 0; choice < 3; ++choice) {
        Generate request = ids_request("choice-" + std::to_string(choice), 77, 40);
        request.sampling->choice = choice;
        request.logprobs = {.output = true, .prompt = true, .digest = true};
        const Answer answer = generate(client, request);
        REQUIRE(answer.finished.has_value());
        REQUIRE(answer.ids.size() == 40);
        REQUIRE(answer.logprobs.size() == 40);
        std::string text;
        for (std::uint32_t i = 0; i < 40; ++i) {
          CHECK(answer.ids[i] == mock_token(77, choice, 5 + i, kVocabSize));
          CHECK(answer.logprobs[i] == TokenLogprobs{0.0f, {}, mock_digest(77, choice, 5 + i)});
          text += "[" + std::to_string(answer.ids[i]) + "]";
        }
        CHECK(answer.text == text);
        CHECK(answer.finished->prompt_logprobs == std::vector<float>{-2, -3, -4, -5});
      }
    }
  }

  TEST_CASE("sluice load finds every answer of a mock right, and those of other weights wrong") {
    const BareModel model;
    for (const auto& stages : {kOneStage, kThreeProcesses}) {
      TopologyText topology = model.topology("mock", stages);
      topology.max_requests = 100;
      topology.kv_cache = "1536KiB";  // Too little for all, so that some are preempted.
      EngineUnderTest engine(topology);
      const auto report = offer_load(engine, {"--rate", "5000", "--requests", "3000", "--connections", "3"}, 0);
      const int finished = report["outcomes"]["finished"]["length"];
      CHECK(finished > 0);
      CHECK(finished + report["outcomes"]["refused"].get<int>() == 3000);
      CHECK(report["verified"] == finished);
      CHECK(report["wrong_answers"] == 0);
      CHECK(report["violations"] == 0);
    }
    EngineUnderTest engine(model.topology("random", kOneStage));
    const auto report = offer_load(engine, {"--closed", "2", "--requests", "4"}, 1);
    CHECK(report["verified"] == 4);
    CHECK(report["wrong_answers"] == 4);
  }

  TEST_CASE("a mock of a whole model directory takes text") {
    TopologyText topology;
    topology.weights = "mock";
    EngineUnderTest engine(topology);
    auto client = engine.connect();
    const Answer answer = generate(client, greedy("text", "Once upon a time", 4));
    REQUIRE(answer.finished.has_value());
    CHECK(answer.ids[0] == mock_token(1, 0, answer.finished->usage.prompt_tokens, kVocabSize));
  }

  TEST_CASE("random weights serve with config.json alone, the same in one process and in three") {
    const BareModel model;
    std::vector<Answer> answers;
    for (const auto& stages : {kOneStage, kThreeProcesses}) {
      EngineUnderTest engine(model.topology("random", stages));
      auto client = engine.connect();
      check_refuses_text(client);
      Generate request = ids_request("ids", 1, 12);
      request.logprobs = {.output = true, .digest = true};
      answers.push_back(generate(client, request));
      REQUIRE(answers.back().finished.has_value());
      CHECK(answers.back().ids.size() == 12);
    }
    CHECK(answers[0].ids == answers[1].ids);
    CHECK(answers[0].logprobs == answers[1].logprobs);
  }
}

}  // namespace
}  // namespace sluice::test
