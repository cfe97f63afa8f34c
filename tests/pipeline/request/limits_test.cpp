#include "pipeline/request/limits.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace sluice {
namespace {

constexpr RequestLimits kLimits{.vocabulary_tokens = 100,
                                .prompt_bytes_max = 20,
                                .prompt_tokens_max = 4,
                                .chat_messages_max = 2,
                                .max_tokens_max = 50,
                                .resume_grace_ms_max = 10};

Generate make_generate() {
  Generate generate;
  generate.request_id = "a";
  generate.prompt = "Once";
  generate.max_tokens = 5;
  return generate;
}

using Change = std::function<void(Generate&)>;

void check_accepts(const Change& change) {
  Generate generate = make_generate();
  change(generate);
  const auto result = check_generate(generate, kLimits);
  CHECK_MESSAGE(result.ok(), (result.ok() ? "" : to_string(result.error())));
}

void check_refuses(const Change& change, const std::string& sentence) {
  Generate generate = make_generate();
  change(generate);
  const auto result = check_generate(generate, kLimits);
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == ErrorCode::kInvalidRequest);
  CHECK(result.error().message == sentence);
}

Change with_sampling(std::function<void(SamplingParams&)> change) {
  return [change](Generate& generate) { change(generate.sampling.emplace()); };
}

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST_SUITE("pipeline/request/limits") {
  TEST_CASE("check_generate: the prompt is not empty, not too large, and UTF-8") {
    check_accepts([](Generate& g) { g.prompt = std::string(20, 'x'); });
    check_refuses([](Generate& g) { g.prompt = std::string(21, 'x'); }, "prompt has 21 bytes, limit 20");
    check_refuses([](Generate& g) { g.prompt = ""; }, "prompt is empty");
    check_accepts([](Generate& g) { g.prompt = "caf\xC3\xA9 \xF0\x9F\xA6\x8A"; });
    check_refuses([](Generate& g) { g.prompt = "caf\xC3"; },
                  "prompt is not UTF-8: byte 3 of 4 cannot be part of a character");
    check_refuses([](Generate& g) { g.prompt = "a\xED\xA0\x80"; },  // A surrogate.
                  "prompt is not UTF-8: byte 1 of 4 cannot be part of a character");
    check_refuses([](Generate& g) { g.prompt = "\xC0\x80"; },  // An overlong form.
                  "prompt is not UTF-8: byte 0 of 2 cannot be part of a character");
  }

  TEST_CASE("check_generate: prompt ids lie in the vocabulary") {
    check_accepts([](Generate& g) { g.prompt = std::vector<TokenId>{0, 99, 1, 2}; });
    check_refuses([](Generate& g) { g.prompt = std::vector<TokenId>{}; }, "prompt is empty");
    check_refuses(
        [](Generate& g) {
          g.prompt = std::vector<TokenId>{0, 100};
        },
        "prompt[1] is 100, the vocabulary has 100 tokens");
    check_refuses([](Generate& g) { g.prompt = std::vector<TokenId>{-1}; }, "prompt[0] is -1, must not be negative");
    check_refuses([](Generate& g) { g.prompt = std::vector<TokenId>(5, 1); }, "prompt has 5 token ids, limit 4");
  }

  TEST_CASE("check_generate: chat messages have well-formed roles and a total size") {
    using Chat = std::vector<ChatMessage>;
    check_accepts([](Generate& g) { g.prompt.emplace<ChatPrompt>(Chat{{"system", ""}, {"user", "0123456789"}}); });
    check_refuses([](Generate& g) { g.prompt.emplace<ChatPrompt>(Chat{}); }, "prompt has no chat messages");
    check_refuses(
        [](Generate& g) {
          g.prompt.emplace<ChatPrompt>(Chat(3, {"user", "x"}));
        },
        "prompt has 3 chat messages, limit 2");
    check_refuses(
        [](Generate& g) {
          g.prompt.emplace<ChatPrompt>(Chat{{"user", "x"}, {"a tool", "x"}});
        },
        "role of chat message 1 must be 1 to 64 letters, digits, - and _");
    check_refuses(
        [](Generate& g) {
          g.prompt.emplace<ChatPrompt>(Chat{{"system", ""}, {"user", "01234567890"}});
        },
        "chat messages 0 to 1 have 21 bytes, limit 20");
    check_refuses(
        [](Generate& g) {
          g.prompt.emplace<ChatPrompt>(Chat{{"user", "\xFF"}});
        },
        "content of chat message 0 is not UTF-8: byte 0 of 1 cannot be part of a character");
    check_refuses(
        [](Generate& g) {
          g.prompt.emplace<ChatPrompt>(Chat{{"user", "x", "\xFF"}});
        },
        "fields of chat message 0 is not UTF-8: byte 0 of 1 cannot be part of a character");
    check_refuses(
        [](Generate& g) {
          g.prompt.emplace<ChatPrompt>(Chat{{"user", "x"}}, std::string(21, ' '));
        },
        "variables of the chat template has 21 bytes, limit 20");
    check_refuses(
        [](Generate& g) {
          g.prompt.emplace<ChatPrompt>(Chat{{"user", "x", "{}"}}, std::string(14, ' '));
        },
        "chat messages 0 to 0 have 21 bytes, limit 20");
  }

  TEST_CASE("check_generate: ids, tenant and priority") {
    check_accepts([](Generate& g) { g.request_id = std::string(64, 'x'); });
    check_refuses([](Generate& g) { g.request_id = std::string(65, 'x'); }, "request_id has 65 bytes, limit 64");
    check_refuses([](Generate& g) { g.request_id = ""; }, "request_id is empty");
    check_refuses([](Generate& g) { g.request_id = "\x80"; },
                  "request_id is not UTF-8: byte 0 of 1 cannot be part of a character");
    check_accepts([](Generate& g) { g.tenant = std::string(64, 'x'); });
    check_refuses([](Generate& g) { g.tenant = std::string(65, 'x'); }, "tenant has 65 bytes, limit 64");
    check_refuses([](Generate& g) { g.tenant = "\xFE"; },
                  "tenant is not UTF-8: byte 0 of 1 cannot be part of a character");
    check_accepts([](Generate& g) { g.priority = -100; });
    check_accepts([](Generate& g) { g.priority = 100; });
    check_refuses([](Generate& g) { g.priority = -101; }, "priority is -101, must be from -100 to 100");
    check_refuses([](Generate& g) { g.priority = 101; }, "priority is 101, must be from -100 to 100");
  }

  TEST_CASE("check_generate: lengths, times and log-probabilities") {
    check_accepts([](Generate& g) { g.max_tokens = 50; });
    check_refuses([](Generate& g) { g.max_tokens = 0; }, "max_tokens is 0, must be 1 or more");
    check_refuses([](Generate& g) { g.max_tokens = 4'000'000'000; }, "max_tokens is 4000000000, limit 50");
    check_accepts([](Generate& g) { g.resume_grace_ms = 10; });
    check_refuses([](Generate& g) { g.resume_grace_ms = 11; }, "resume_grace_ms is 11, limit 10");
    check_accepts([](Generate& g) { g.logprobs.top = 20; });
    check_refuses([](Generate& g) { g.logprobs.top = 21; }, "logprobs.top is 21, limit 20");
    check_accepts([](Generate& g) {
      g.seed = ~0ull;
      g.credit_tokens = ~0ull;
      g.deadline_ms = ~0u;
    });
  }

  TEST_CASE("check_generate: stop strings and stop tokens") {
    check_accepts([](Generate& g) { g.stop = std::vector<std::string>(16, std::string(256, 'x')); });
    check_refuses([](Generate& g) { g.stop = std::vector<std::string>(17, "x"); }, "stop has 17 strings, limit 16");
    check_refuses([](Generate& g) { g.stop = {"x", ""}; }, "stop[1] is empty");
    check_refuses([](Generate& g) { g.stop = {std::string(257, 'x')}; }, "stop[0] has 257 bytes, limit 256");
    check_refuses([](Generate& g) { g.stop = {"\xC3"}; },
                  "stop[0] is not UTF-8: byte 0 of 1 cannot be part of a character");
    check_accepts([](Generate& g) { g.stop_token_ids = std::vector<TokenId>(16, 99); });
    check_refuses([](Generate& g) { g.stop_token_ids = std::vector<TokenId>(17, 1); },
                  "stop_token_ids has 17 ids, limit 16");
    check_refuses([](Generate& g) { g.stop_token_ids = {100}; },
                  "stop_token_ids[0] is 100, the vocabulary has 100 tokens");
  }

  TEST_CASE("check_generate: sampling parameters at and beyond their ranges") {
    check_accepts(with_sampling([](SamplingParams& s) {
      s = {.temperature = 0, .top_k = 100, .top_p = 1e-6f, .min_p = 0, .repetition_penalty = 1e-6f};
      s.presence_penalty = -2;
      s.frequency_penalty = -2;
    }));
    check_accepts(with_sampling([](SamplingParams& s) {
      s = {.temperature = 100, .top_k = 0, .top_p = 1, .min_p = 1, .repetition_penalty = 100};
      s.presence_penalty = 2;
      s.frequency_penalty = 2;
    }));
    check_refuses(with_sampling([](SamplingParams& s) { s.temperature = -0.5f; }),
                  "temperature is -0.5, must be from 0 to 100");
    check_refuses(with_sampling([](SamplingParams& s) { s.top_k = 4'000'000'000; }),
                  "top_k is 4000000000, the vocabulary has 100 tokens");
    check_refuses(with_sampling([](SamplingParams& s) { s.top_p = 0; }), "top_p is 0, must be above 0 and at most 1");
    check_refuses(with_sampling([](SamplingParams& s) { s.top_p = 1.5f; }),
                  "top_p is 1.5, must be above 0 and at most 1");
    check_refuses(with_sampling([](SamplingParams& s) { s.min_p = 1.5f; }), "min_p is 1.5, must be from 0 to 1");
    check_refuses(with_sampling([](SamplingParams& s) { s.repetition_penalty = 0; }),
                  "repetition_penalty is 0, must be above 0 and at most 100");
    check_refuses(with_sampling([](SamplingParams& s) { s.presence_penalty = 2.5f; }),
                  "presence_penalty is 2.5, must be from -2 to 2");
    check_refuses(with_sampling([](SamplingParams& s) { s.frequency_penalty = -2.5f; }),
                  "frequency_penalty is -2.5, must be from -2 to 2");
  }

  TEST_CASE("check_generate: no sampling parameter may be NaN or infinite") {
    const std::vector<float SamplingParams::*> fields = {&SamplingParams::temperature,
                                                         &SamplingParams::top_p,
                                                         &SamplingParams::min_p,
                                                         &SamplingParams::repetition_penalty,
                                                         &SamplingParams::presence_penalty,
                                                         &SamplingParams::frequency_penalty};
    for (const auto field : fields) {
      for (const float value : {kNaN, kInfinity, -kInfinity}) {
        Generate generate = make_generate();
        generate.sampling.emplace().*field = value;
        CHECK_FALSE(check_generate(generate, kLimits).ok());
      }
    }
    check_refuses(with_sampling([](SamplingParams& s) { s.temperature = kNaN; }),
                  "temperature is nan, must be from 0 to 100");
    check_refuses(with_sampling([](SamplingParams& s) {
                    s.logit_bias = {{1, kNaN}};
                  }),
                  "logit_bias of token 1 is nan, must be from -100 to 100");
  }

  TEST_CASE("check_generate: logit biases are few, in the vocabulary and in range") {
    check_accepts(with_sampling([](SamplingParams& s) { s.logit_bias.assign(1024, {99, -100.0f}); }));
    check_refuses(with_sampling([](SamplingParams& s) {
                    s.logit_bias.assign(1025, {1, 1.0f});
                  }),
                  "logit_bias has 1025 entries, limit 1024");
    check_refuses(with_sampling([](SamplingParams& s) {
                    s.logit_bias = {{1, 1.0f}, {100, 1.0f}};
                  }),
                  "logit_bias[1] is 100, the vocabulary has 100 tokens");
    check_refuses(with_sampling([](SamplingParams& s) {
                    s.logit_bias = {{7, 100.5f}};
                  }),
                  "logit_bias of token 7 is 100.5, must be from -100 to 100");
  }

  TEST_CASE("check_generate: without a known vocabulary only negative ids are refused") {
    RequestLimits limits = kLimits;
    limits.vocabulary_tokens = 0;
    Generate generate = make_generate();
    generate.prompt = std::vector<TokenId>{1'000'000};
    generate.sampling.emplace().top_k = 4'000'000'000;
    CHECK(check_generate(generate, limits).ok());
    generate.prompt = std::vector<TokenId>{-5};
    CHECK_FALSE(check_generate(generate, limits).ok());
  }

  TEST_CASE("check_hello, check_attach, check_cancel, check_credit: names are short UTF-8") {
    CHECK(check_hello({1, 1, std::string(64, 'x'), {}}).ok());
    CHECK_FALSE(check_hello({1, 1, std::string(65, 'x'), {}}).ok());
    CHECK_FALSE(check_hello({1, 1, "\xFF", {}}).ok());
    CHECK(check_attach({{}, "a", 0, 0}).ok());
    CHECK_FALSE(check_attach({{}, "", 0, 0}).ok());
    CHECK(check_cancel({"a"}).ok());
    CHECK_FALSE(check_cancel({std::string(65, 'x')}).ok());
    CHECK(check_credit({"a", ~0ull}).ok());
    CHECK_FALSE(check_credit({"\xFF", 0}).ok());
  }
}

}  // namespace
}  // namespace sluice
