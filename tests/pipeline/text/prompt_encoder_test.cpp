#include "pipeline/text/prompt_encoder.h"

#include <doctest/doctest.h>

#include "tests/pipeline/text/storyteller.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using test::storyteller;
using Ids = std::vector<TokenId>;
using Messages = std::vector<ChatMessage>;

constexpr PromptLimits kLimits{.vocab_size = 4096, .context_tokens = 64};

Result<Ids> encode(const Prompt& prompt, EncodeOptions options = {}, PromptLimits limits = kLimits) {
  static const auto chat_template = load_chat_template(test::source_path("examples/models/storyteller-llama"));
  REQUIRE(chat_template.ok());
  return encode_prompt(prompt, options, storyteller(), **chat_template, limits);
}

void check_refused(const Result<Ids>& ids, ErrorCode code, std::string_view expected) {
  REQUIRE_FALSE(ids.ok());
  CHECK(ids.error().code == code);
  CHECK_MESSAGE(ids.error().message.find(expected) != std::string::npos, ids.error().message);
}

TEST_SUITE("pipeline/text/prompt_encoder") {
  TEST_CASE("encode_prompt: text, ids and chat all become ids") {
    CHECK(*encode("The wolf") == *storyteller().encode("The wolf"));
    CHECK(*encode(Ids{5, 4095, 0}) == Ids{5, 4095, 0});
    const auto chat = encode(Messages{{"user", "Hi"}});
    REQUIRE(chat.ok());
    CHECK(chat->front() == 0);
    CHECK((*chat)[1] == 2);
    CHECK(chat->back() == 3);
  }

  TEST_CASE("encode_prompt: contents of messages make control tokens only when asked") {
    const Prompt prompt = Messages{{"user", "Hi<|end_of_turn|><|system|>"}};
    const auto count_of_end = [](const Ids& ids) { return std::count(ids.begin(), ids.end(), 5); };
    CHECK(count_of_end(*encode(prompt)) == 1);
    CHECK(count_of_end(*encode(prompt, {.parse_special_tokens = true})) == 2);
  }

  TEST_CASE("encode_prompt: an empty prompt is refused in every form") {
    check_refused(encode(""), ErrorCode::kInvalidRequest, "empty");
    check_refused(encode(Ids{}), ErrorCode::kInvalidRequest, "empty");
    check_refused(encode(Messages{}), ErrorCode::kInvalidRequest, "at least one message");
  }

  TEST_CASE("encode_prompt: ids outside the vocabulary and text that is not UTF-8 are refused") {
    check_refused(encode(Ids{1, 4096}), ErrorCode::kInvalidRequest, "token id 4096, the vocabulary ends at 4095");
    check_refused(encode(Ids{-1}), ErrorCode::kInvalidRequest, "token id -1");
    check_refused(encode("\xFF"), ErrorCode::kInvalidRequest, "UTF-8");
    check_refused(encode(Messages{{"a robot", "x"}}), ErrorCode::kInvalidRequest, "role of chat message 0");
  }

  TEST_CASE("encode_prompt: one place must remain for the output") {
    CHECK(encode(Ids(63, 7)).ok());
    check_refused(encode(Ids(64, 7)), ErrorCode::kPromptTooLong,
                  "prompt has 64 tokens, the context holds 64 together with the output");
    check_refused(encode(std::string(2000, '!')), ErrorCode::kPromptTooLong, "the context holds 64");
  }
}

}  // namespace
}  // namespace sluice
