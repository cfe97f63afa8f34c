#include "pipeline/text/text_model.h"

#include <doctest/doctest.h>

#include "pipeline/text/detokenizer.h"
#include "tests/pipeline/text/storyteller.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using Ids = std::vector<TokenId>;

constexpr PromptLimits kLimits{.vocab_size = 4096, .context_tokens = 64};
const auto kDemoModel = test::source_path("examples/models/storyteller-llama");

Error refusal(const TextModel& text, const Prompt& prompt) {
  const auto ids = encode_prompt(prompt, {}, *text.tokenizer, *text.chat_template, text.limits);
  return ids.ok() ? Error{ErrorCode::kInternal, "accepted"} : ids.error();
}

}  // namespace

TEST_SUITE("pipeline/text/text_model") {
  TEST_CASE("load_text_model: a whole model directory takes text and chats, optional or not") {
    for (const TextFiles files : {TextFiles::kRequired, TextFiles::kOptional}) {
      const auto text = load_text_model(kDemoModel, kLimits, files);
      REQUIRE(text.ok());
      CHECK(refusal(*text, "The wolf").message == "accepted");
      CHECK(refusal(*text, std::vector<ChatMessage>{{"user", "Hi"}}).message == "accepted");
    }
  }

  TEST_CASE("load_text_model: without tokenizer.json token ids are what there is, if files are optional") {
    test::TempDirectory directory;
    const auto missing = load_text_model(directory.path(), kLimits, TextFiles::kRequired);
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().code == ErrorCode::kModelLoadFailed);

    const auto text = load_text_model(directory.path(), kLimits, TextFiles::kOptional);
    REQUIRE(text.ok());
    const Error no_text{ErrorCode::kInvalidRequest, "this model has no tokenizer; send token ids"};
    CHECK(refusal(*text, "The wolf") == no_text);
    CHECK(refusal(*text, std::vector<ChatMessage>{{"user", "Hi"}}) == no_text);
    CHECK(refusal(*text, Ids{0, 17, 4095}).message == "accepted");
    CHECK(refusal(*text, Ids{4096}).code == ErrorCode::kInvalidRequest);
    CHECK(text->tokenizer->decode(Ids{0, 17, 4095}) == "[0][17][4095]");
    Detokenizer detokenizer(*text->tokenizer);
    CHECK(detokenizer.push(17).text == "[17]");
  }

  TEST_CASE("load_text_model: a tokenizer.json that is there is used, also alone") {
    test::TempDirectory directory;
    std::filesystem::copy(kDemoModel / "tokenizer.json", directory.path() / "tokenizer.json");
    CHECK_FALSE(load_text_model(directory.path(), kLimits, TextFiles::kRequired).ok());
    const auto text = load_text_model(directory.path(), kLimits, TextFiles::kOptional);
    REQUIRE(text.ok());
    CHECK(refusal(*text, "The wolf").message == "accepted");
    CHECK(refusal(*text, std::vector<ChatMessage>{{"user", "Hi"}}).message ==
          "this model has no chat template; send text or token ids");

    directory.write("tokenizer.json", "{");
    const auto malformed = load_text_model(directory.path(), kLimits, TextFiles::kOptional);
    REQUIRE_FALSE(malformed.ok());
    CHECK(malformed.error().code == ErrorCode::kModelLoadFailed);
  }

  TEST_CASE("load_text_model: a tokenizer with more tokens than the model has rows is refused, padded rows are not") {
    const auto refused = load_text_model(kDemoModel, {.vocab_size = 4095, .context_tokens = 64}, TextFiles::kRequired);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kModelLoadFailed);
    CHECK(refused.error().message.find(
              "tokenizer.json has token ids up to 4095, the model's vocabulary ends at 4094") != std::string::npos);
    CHECK(load_text_model(kDemoModel, {.vocab_size = 4224, .context_tokens = 64}, TextFiles::kRequired).ok());
  }

  TEST_CASE("load_text_model: an added token without a row is refused in prompts") {
    test::TempDirectory directory;
    nlohmann::json json = test::byte_tokenizer_json();
    const TokenId added = test::add_token(json, "<s>");
    directory.write("tokenizer.json", json.dump());
    const auto text =
        load_text_model(directory.path(), {.vocab_size = added, .context_tokens = 64}, TextFiles::kOptional);
    REQUIRE(text.ok());
    CHECK(refusal(*text, "s").message == "accepted");
    const auto ids =
        encode_prompt("<s>", {.parse_special_tokens = true}, *text->tokenizer, *text->chat_template, text->limits);
    REQUIRE_FALSE(ids.ok());
    CHECK(ids.error().message == "prompt has the token id 256, the vocabulary ends at 255");
  }

  TEST_CASE("load_text_model: more ids than a tokenizer can have are refused") {
    test::TempDirectory directory;
    const auto text = load_text_model(directory.path(), {.vocab_size = kVocabularySizeMax + 1, .context_tokens = 64},
                                      TextFiles::kOptional);
    REQUIRE_FALSE(text.ok());
    CHECK(text.error().code == ErrorCode::kModelLoadFailed);
  }
}

}  // namespace sluice
