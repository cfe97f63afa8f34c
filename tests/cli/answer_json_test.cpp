#include "cli/answer_json.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice::cli {
namespace {

TEST_SUITE("cli/answer_json") {
  TEST_CASE("tokens_json: is one line with ids, text and place") {
    Tokens tokens;
    tokens.first_index = 3;
    tokens.token_ids = {17, 4};
    tokens.text = "a \"b\"\n";
    CHECK(tokens_json(tokens) == R"({"type":"tokens","first_index":3,"token_ids":[17,4],"text":"a \"b\"\n"})"
                                 "\n");
  }

  TEST_CASE("tokens_json: shows log-probabilities where there are some") {
    Tokens tokens;
    tokens.token_ids = {17, 4};
    tokens.logprobs = {{.logprob = -0.5f, .top = {{17, -0.5f}, {2, -1.25f}}, .digest = 0x00ff000000000001},
                       {.logprob = -2.0f}};
    CHECK(tokens_json(tokens) ==
          R"({"type":"tokens","first_index":0,"token_ids":[17,4],"text":"","logprobs":[)"
          R"({"logprob":-0.5,"top":[{"token_id":17,"logprob":-0.5},{"token_id":2,"logprob":-1.25}],)"
          R"("digest":"00ff000000000001"},{"logprob":-2.0}]})"
          "\n");
  }

  TEST_CASE("tokens_json: text that is no UTF-8 is repaired, not fatal") {
    Tokens tokens;
    tokens.text = "a\xff";
    CHECK(tokens_json(tokens) ==
          "{\"type\":\"tokens\",\"first_index\":0,\"token_ids\":[],\"text\":\"a\xEF\xBF\xBD\"}\n");
  }

  TEST_CASE("finished_json: has reason, seed, usage and times") {
    Finished finished;
    finished.reason = FinishReason::kLength;
    finished.usage = {.prompt_tokens = 1, .output_tokens = 2, .cached_tokens = 3};
    finished.times = {.tokenize_us = 4, .queue_us = 5, .prefill_us = 6, .decode_us = 7};
    finished.prompt_logprobs = {-1.5f};
    CHECK(finished_json(finished, 0xffffffffffffffff) ==
          R"({"type":"finished","reason":"length","seed":18446744073709551615,)"
          R"("usage":{"prompt_tokens":1,"output_tokens":2,"cached_tokens":3},)"
          R"("times":{"tokenize_us":4,"queue_us":5,"prefill_us":6,"decode_us":7},"prompt_logprobs":[-1.5]})"
          "\n");
  }

  TEST_CASE("failed_json: has code, sentence and what a retry is worth") {
    CHECK(failed_json({ErrorCode::kOverloaded, "256 requests are running, limit 256", 50}) ==
          R"({"type":"failed","code":"overloaded","message":"256 requests are running, limit 256",)"
          R"("retryable":true,"retry_after_ms":50})"
          "\n");
  }
}

}  // namespace
}  // namespace sluice::cli
