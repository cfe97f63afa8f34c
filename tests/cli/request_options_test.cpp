#include "cli/request_options.h"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace sluice::cli {
namespace {

RequestOptions parse(std::vector<std::string> arguments) {
  CLI::App app;
  RequestOptions options;
  add_request_options(app, options);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
  app.parse(arguments);
  return options;
}

SamplingParams make_defaults() {
  SamplingParams params;
  params.temperature = 0.7f;
  params.top_k = 40;
  params.logit_bias = {{1, 1.0f}};
  return params;
}

TEST_SUITE("cli/request_options") {
  TEST_CASE("request_of: without flags the sampling is the engine's and the seed is drawn") {
    const Result<Generate> first = request_of(parse({}), make_defaults());
    const Result<Generate> second = request_of(parse({}), make_defaults());

    REQUIRE(first.ok());
    REQUIRE(second.ok());
    CHECK_FALSE(first->sampling.has_value());
    REQUIRE(first->seed.has_value());
    CHECK(first->seed != second->seed);
    Generate expected;
    expected.seed = first->seed;
    CHECK(*first == expected);
  }

  TEST_CASE("request_of: a sampling flag changes its field and keeps the model's others") {
    const Result<Generate> request = request_of(parse({"--top-k", "3", "--min-p", "0.25"}), make_defaults());

    REQUIRE(request.ok());
    SamplingParams expected = make_defaults();
    expected.top_k = 3;
    expected.min_p = 0.25f;
    CHECK(request->sampling == expected);
  }

  TEST_CASE("request_of: every sampling flag reaches its field") {
    const Result<Generate> request = request_of(parse({"--temperature",
                                                       "0.5",
                                                       "--top-k",
                                                       "2",
                                                       "--top-p",
                                                       "0.75",
                                                       "--min-p",
                                                       "0.125",
                                                       "--repetition-penalty",
                                                       "1.5",
                                                       "--presence-penalty",
                                                       "-1",
                                                       "--frequency-penalty",
                                                       "-0.5",
                                                       "--choice",
                                                       "3",
                                                       "--logit-bias",
                                                       "7:-100",
                                                       "--logit-bias",
                                                       "8:1.5",
                                                       "--seed",
                                                       "18446744073709551615"}),
                                                make_defaults());

    REQUIRE(request.ok());
    const SamplingParams expected = {.temperature = 0.5f,
                                     .top_k = 2,
                                     .top_p = 0.75f,
                                     .min_p = 0.125f,
                                     .repetition_penalty = 1.5f,
                                     .presence_penalty = -1.0f,
                                     .frequency_penalty = -0.5f,
                                     .choice = 3,
                                     .logit_bias = {{7, -100.0f}, {8, 1.5f}}};
    CHECK(request->sampling == expected);
    CHECK(request->seed == 0xffffffffffffffff);
  }

  TEST_CASE("request_of: greedy is temperature 0") {
    CHECK(request_of(parse({"--greedy"}), make_defaults())->sampling->temperature == 0.0f);
  }

  TEST_CASE("request_of: the other flags reach their fields") {
    const Result<Generate> request = request_of(parse({"-n",
                                                       "5",
                                                       "--stop",
                                                       "a b",
                                                       "--stop",
                                                       "c",
                                                       "--stop-token-id",
                                                       "9",
                                                       "--ignore-eos",
                                                       "--parse-special-tokens",
                                                       "--logprobs",
                                                       "--top-logprobs",
                                                       "4",
                                                       "--prompt-logprobs",
                                                       "--digest",
                                                       "--deadline-ms",
                                                       "10",
                                                       "--priority",
                                                       "-7",
                                                       "--tenant",
                                                       "t",
                                                       "--resume-grace-ms",
                                                       "11",
                                                       "--seed",
                                                       "1"}),
                                                make_defaults());

    REQUIRE(request.ok());
    Generate expected;
    expected.seed = 1;
    expected.max_tokens = 5;
    expected.stop = {"a b", "c"};
    expected.stop_token_ids = {9};
    expected.ignore_eos = true;
    expected.parse_special_tokens = true;
    expected.logprobs = {.output = true, .top = 4, .prompt = true, .digest = true};
    expected.deadline_ms = 10;
    expected.priority = -7;
    expected.tenant = "t";
    expected.resume_grace_ms = 11;
    CHECK(*request == expected);
  }

  TEST_CASE("request_of: a malformed bias is refused with its text") {
    for (const char* text : {"7", "7:", ":1", "7:x", "x:1", "7:1 ", "99999999999:1"}) {
      CAPTURE(text);
      const Result<Generate> request = request_of(parse({"--logit-bias", text}), make_defaults());
      REQUIRE_FALSE(request.ok());
      CHECK(request.error().message == "--logit-bias takes ID:BIAS, not '" + std::string(text) + "'");
    }
  }

  TEST_CASE("add_request_options: values that are no numbers, or negative counts, are wrong usage") {
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"--top-k", "x"},
                                               {"--top-k", "-1"},
                                               {"--temperature", "hot"},
                                               {"--max-tokens", "-1"},
                                               {"--seed", "1.5"},
                                               {"--deadline-ms", "4294967296"},
                                               {"--unknown"}}) {
      CAPTURE(arguments.front());
      CHECK_THROWS_AS(parse(arguments), CLI::ParseError);
    }
  }
}

}  // namespace
}  // namespace sluice::cli
