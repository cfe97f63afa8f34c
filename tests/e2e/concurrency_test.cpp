// Many requests at once return exactly the tokens that each returns alone.
#include <doctest/doctest.h>

#include <map>

#include "base/random.h"
#include "tests/e2e/engine_under_test.h"

namespace sluice::test {
namespace {

constexpr const char* kOpenings[] = {"Once upon a time there was a king who had three daughters",
                                     "The wolf said to the little girl,",
                                     "Dorothy and the Scarecrow walked down the road of yellow brick",
                                     "\"Who are you?\" asked Alice.", "The old fisherman lived by the sea"};

// Mixed prompts, lengths and ways of sampling, reproducible.
std::vector<Generate> mixed_requests(std::size_t count) {
  SplitMix64 random(2026);
  std::vector<Generate> requests;
  for (std::size_t i = 0; i < count; ++i) {
    std::string prompt = kOpenings[random.below(std::size(kOpenings))];
    for (std::uint64_t more = random.below(12); more > 0; --more)
      prompt += std::string(" ") + kOpenings[random.below(5)];
    Generate request = greedy("request-" + std::to_string(i), prompt, static_cast<std::uint32_t>(1 + random.below(80)));
    request.seed = random.next();
    request.logprobs.digest = true;
    if (i % 2 == 1) {
      request.sampling = SamplingParams{.temperature = 0.9f, .top_k = 50, .top_p = 0.95f};
      if (i % 4 == 1) request.sampling->repetition_penalty = 1.1f;
      if (i % 8 == 3) request.sampling->frequency_penalty = 0.5f;
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

// All at once over one connection; credits are granted up front.
std::map<std::string, Answer> run_together(transport::Client& client, std::vector<Generate> requests) {
  std::map<std::string, Answer> answers;
  for (Generate& request : requests) {
    request.credit_tokens = request.max_tokens;
    REQUIRE(client.send(request).ok());
  }
  std::size_t open = requests.size();
  while (open > 0) {
    auto message = client.receive(kPatience);
    REQUIRE(message.ok());
    REQUIRE(message->has_value());
    if (auto* tokens = std::get_if<Tokens>(&**message)) {
      Answer& answer = answers[tokens->request_id];
      CHECK(tokens->first_index == answer.ids.size());
      answer.ids.insert(answer.ids.end(), tokens->token_ids.begin(), tokens->token_ids.end());
      answer.logprobs.insert(answer.logprobs.end(), tokens->logprobs.begin(), tokens->logprobs.end());
      answer.text += tokens->text;
    } else if (auto* finished = std::get_if<Finished>(&**message)) {
      REQUIRE_FALSE(answers[finished->request_id].finished.has_value());
      answers[finished->request_id].finished = *finished;
      --open;
    } else if (auto* failed = std::get_if<Failed>(&**message)) {
      FAIL(failed->request_id << ": " << to_string(failed->error));
    }
  }
  return answers;
}

void check_together_equals_alone(const TopologyText& topology) {
  EngineUnderTest engine(topology);
  auto client = engine.connect();
  const auto requests = mixed_requests(32);

  const auto together = run_together(client, requests);

  for (Generate alone : requests) {
    CAPTURE(alone.request_id);
    const Answer& other = together.at(alone.request_id);
    alone.request_id += "-alone";
    alone.tenant = alone.request_id;  // Finds no blocks of others.
    const Answer answer = generate(client, alone);
    REQUIRE(answer.finished.has_value());
    CHECK(answer.ids == other.ids);
    CHECK(answer.text == other.text);
    CHECK(answer.logprobs == other.logprobs);
    CHECK(answer.finished->reason == other.finished->reason);
    CHECK(answer.finished->usage.prompt_tokens == other.finished->usage.prompt_tokens);
    CHECK(answer.finished->usage.output_tokens == other.finished->usage.output_tokens);
    CHECK(answer.finished->usage.cached_tokens == 0);
  }
}

TEST_SUITE("e2e/concurrency") {
  TEST_CASE("32 mixed requests under chunked prefill give the tokens that each gives alone") {
    TopologyText topology;
    topology.max_batch_tokens = 24;  // Prompts of up to some 150 tokens: several chunks each, between decodes.
    check_together_equals_alone(topology);
  }

  TEST_CASE("32 mixed requests on a short KV cache, preempted, in two processes with bf16 compute, do as well") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    topology.model = model_path("storyteller-llama").string();
    topology.compute = "bf16";
    topology.max_batch_tokens = 64;
    // One full context and little more: what runs together has to give way to each other.
    topology.kv_cache = "672KiB";
    check_together_equals_alone(topology);
  }
}

}  // namespace
}  // namespace sluice::test
