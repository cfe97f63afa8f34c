#include "pipeline/request/body_hash.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

namespace sluice {
namespace {

Generate make_generate() {
  Generate generate;
  generate.request_id = "a";
  generate.prompt.emplace<std::string>("Once upon a time");
  generate.sampling = SamplingParams{};
  generate.seed = 7;
  generate.stop = {"ab", "c"};
  generate.stop_token_ids = {1, 2};
  return generate;
}

TEST_SUITE("pipeline/request/body_hash") {
  TEST_CASE("body_hash: what a retry may change does not count") {
    Generate retry = make_generate();
    retry.request_id = "b";
    retry.deadline_ms = 5;
    retry.resume_grace_ms = 6;
    retry.credit_tokens = 7;

    CHECK(body_hash(retry) == body_hash(make_generate()));
  }

  TEST_CASE("body_hash: every other field counts") {
    const std::vector<std::function<void(Generate&)>> changes = {
        [](Generate& g) { g.prompt.emplace<std::string>("Once upon a tim"); },
        [](Generate& g) { g.prompt.emplace<std::vector<TokenId>>(1, 1); },
        [](Generate& g) {
          g.prompt = std::vector<ChatMessage>{{"user", "Once upon a time"}};
        },
        [](Generate& g) {
          g.prompt = std::vector<ChatMessage>{{"user", "Once upon a time", R"({"name": "x"})"}};
        },
        [](Generate& g) {
          g.prompt = ChatPrompt({{"user", "Once upon a time"}}, R"({"tools": []})");
        },
        [](Generate& g) { g.add_special_tokens = false; },
        [](Generate& g) { g.parse_special_tokens = true; },
        [](Generate& g) { g.sampling.reset(); },
        [](Generate& g) { g.sampling->temperature = 0.5f; },
        [](Generate& g) { g.sampling->top_k = 5; },
        [](Generate& g) { g.sampling->top_p = 0.5f; },
        [](Generate& g) { g.sampling->min_p = 0.5f; },
        [](Generate& g) { g.sampling->repetition_penalty = 0.5f; },
        [](Generate& g) { g.sampling->presence_penalty = 0.5f; },
        [](Generate& g) { g.sampling->frequency_penalty = 0.5f; },
        [](Generate& g) { g.sampling->choice = 1; },
        [](Generate& g) {
          g.sampling->logit_bias = {{3, 1.0f}};
        },
        [](Generate& g) { g.seed.reset(); },
        [](Generate& g) { g.seed = 8; },
        [](Generate& g) { g.max_tokens = 5; },
        [](Generate& g) {
          g.stop = {"a", "bc"};
        },
        [](Generate& g) { g.stop_token_ids = {1}; },
        [](Generate& g) { g.ignore_eos = true; },
        [](Generate& g) { g.logprobs.output = true; },
        [](Generate& g) { g.logprobs.top = 1; },
        [](Generate& g) { g.logprobs.prompt = true; },
        [](Generate& g) { g.logprobs.digest = true; },
        [](Generate& g) { g.priority = -1; },
        [](Generate& g) { g.tenant = "t"; },
    };
    std::vector<BodyHash> seen = {body_hash(make_generate())};
    for (const auto& change : changes) {
      Generate changed = make_generate();
      change(changed);
      const BodyHash hash = body_hash(changed);
      for (const BodyHash& other : seen) CHECK_FALSE(hash == other);
      seen.push_back(hash);
    }
  }
}

}  // namespace
}  // namespace sluice
