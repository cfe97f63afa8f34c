// Prefix reuse through the whole engine: the same bits, less computed, never across tenants.
#include <doctest/doctest.h>

#include "tests/e2e/engine_under_test.h"

namespace sluice::test {
namespace {

constexpr std::uint32_t kBlockTokens = 16;

Generate long_request(const std::string& id) {
  std::vector<TokenId> prompt;
  for (TokenId i = 0; i < 100; ++i) prompt.push_back(300 + (i * 37) % 400);
  Generate request = greedy(id, prompt, 24);
  request.ignore_eos = true;
  request.logprobs = {.output = true, .top = 4, .digest = true};
  request.sampling->temperature = 0.9f;
  request.sampling->repetition_penalty = 1.2f;  // So that the sampler needs the history.
  request.seed = 11;
  return request;
}

Answer answer_to(transport::Client& client, const Generate& request) {
  Answer answer = generate(client, request);
  REQUIRE_FALSE(answer.error.has_value());
  REQUIRE(answer.finished.has_value());
  return answer;
}

void check_same_bits(const Answer& answer, const Answer& other) {
  CHECK(answer.ids == other.ids);
  CHECK(answer.text == other.text);
  CHECK(answer.logprobs == other.logprobs);  // The digests of all logits are among them.
  CHECK(answer.logprobs.size() == 24);
}

void check_reuse(const TopologyText& topology) {
  EngineUnderTest engine(topology);
  auto client = engine.connect();
  const Answer first = answer_to(client, long_request("first"));
  CHECK(first.finished->usage.cached_tokens == 0);

  const Answer second = answer_to(client, long_request("second"));
  CHECK(second.finished->usage.cached_tokens == 96);
  CHECK(second.finished->usage.cached_tokens % kBlockTokens == 0);
  check_same_bits(second, first);

  Generate foreign = long_request("foreign");
  foreign.tenant = "another";
  const Answer of_another = answer_to(client, foreign);
  CHECK(of_another.finished->usage.cached_tokens == 0);
  check_same_bits(of_another, first);

  Generate scored = long_request("scored");
  scored.logprobs.prompt = true;
  const Answer with_prompt = answer_to(client, scored);
  CHECK(with_prompt.finished->usage.cached_tokens == 0);
  CHECK(with_prompt.finished->prompt_logprobs.size() == 99);
  check_same_bits(with_prompt, first);

  // A conversation that goes on: prompt and output are there already, but for the output's last token.
  Generate next = long_request("next");
  auto& prompt = std::get<std::vector<TokenId>>(next.prompt);
  prompt.insert(prompt.end(), first.ids.begin(), first.ids.end());
  prompt.push_back(321);
  CHECK(answer_to(client, next).finished->usage.cached_tokens == 112);
}

TEST_SUITE("e2e/prefix") {
  TEST_CASE("a repeated prompt is found, and gives the same bits") {
    check_reuse({});
  }

  TEST_CASE("a repeated prompt is found on two processes in bf16, and gives the same bits") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    topology.model = model_path("storyteller-llama").string();
    topology.compute = "bf16";
    topology.max_batch_tokens = 40;
    check_reuse(topology);
  }

  TEST_CASE("switched off, a repeated prompt is computed again") {
    TopologyText topology;
    topology.prefix_cache = false;
    EngineUnderTest engine(topology);
    auto client = engine.connect();
    const Answer first = answer_to(client, long_request("first"));
    const Answer second = answer_to(client, long_request("second"));
    CHECK(second.finished->usage.cached_tokens == 0);
    check_same_bits(second, first);
  }
}

}  // namespace
}  // namespace sluice::test
