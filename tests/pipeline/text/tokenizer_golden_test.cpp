// Encodings and decodings against those of Hugging Face (tests/golden/, and the shared material).
#include <doctest/doctest.h>

#include <fstream>

#include "pipeline/text/detokenizer.h"
#include "tests/pipeline/text/storyteller.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using test::Json;
using test::storyteller;
using Ids = std::vector<TokenId>;

// The real tokenizer with this name, loaded from a directory of its own as transformers did for the golden file. What
// that made of deepseek_v3 is told in docs/decisions/0022-tokenizers.md.
void check_real_tokenizer(const char* name, std::size_t num_encodings) {
  const auto directory = test::shared_path(std::string("tokenizers/") + name);
  if (!directory) {
    MESSAGE("skipped: no shared tokenizer ", name);
    return;
  }
  const auto tokenizer = Tokenizer::load(*directory);
  REQUIRE_MESSAGE(tokenizer.ok(), (tokenizer.ok() ? "" : to_string(tokenizer.error())));
  std::ifstream file(*directory / "golden.json");
  const Json golden = Json::parse(file);
  REQUIRE(golden["encodings"].size() == num_encodings);
  for (const Json& example : golden["encodings"]) {
    const auto text = example["text"].get<std::string>();
    CAPTURE(text);
    for (const bool add_special_tokens : {false, true}) {
      const auto ids = (*tokenizer)->encode(text, {add_special_tokens, /*parse_special_tokens=*/true});
      REQUIRE(ids.ok());
      CHECK(*ids == example[add_special_tokens ? "ids_special" : "ids"].get<Ids>());
    }
    CHECK((*tokenizer)->decode(example["ids"].get<Ids>(), /*skip_special=*/false) ==
          example["decoded"].get<std::string>());
  }
}

TEST_SUITE("pipeline/text/tokenizer") {
  TEST_CASE("golden: the tokenizer of Qwen2.5 encodes and decodes as in transformers") {
    check_real_tokenizer("qwen2_5", 141);
  }

  TEST_CASE("golden: the tokenizer of DeepSeek-V3 encodes and decodes as in transformers") {
    check_real_tokenizer("deepseek_v3", 141);
  }

  TEST_CASE("golden: prompts of the reference model encode to its ids and its greedy ids decode to its text") {
    const Json cases = test::read_json("tests/golden/storyteller-llama.json");
    REQUIRE(cases.size() == 5);
    for (const Json& example : cases) {
      const bool add_special_tokens = example["add_special_tokens"].get<bool>();
      const auto text = example["text"].get<std::string>();
      INFO(text);
      const auto ids = storyteller().encode(text, {add_special_tokens, /*parse_special_tokens=*/!add_special_tokens});
      REQUIRE(ids.ok());
      CHECK(*ids == example["ids"].get<Ids>());

      const auto greedy = example["greedy"].get<Ids>();
      CHECK(storyteller().decode(greedy) == example["greedy_text"].get<std::string>());
      Detokenizer detokenizer(storyteller());
      std::string streamed;
      for (const TokenId id : greedy) streamed += detokenizer.push(id).text;
      CHECK(streamed + detokenizer.finish().text == example["greedy_text"].get<std::string>());
    }
  }

  TEST_CASE("golden: several hundred strings encode as in the tokenizers package and decode back") {
    const Json golden = test::read_json("tests/golden/storyteller-llama.encodings.json");
    REQUIRE(golden["encodings"].size() > 300);
    for (const Json& example : golden["encodings"]) {
      const auto text = example["text"].get<std::string>();
      CAPTURE(text);
      const auto ids = storyteller().encode(text, {.add_special_tokens = false, .parse_special_tokens = true});
      REQUIRE(ids.ok());
      CHECK(*ids == example["ids"].get<Ids>());
      CHECK(storyteller().decode(*ids, /*skip_special=*/false) == text);
    }
  }

  TEST_CASE("golden: random ids decode as in the tokenizers package") {
    const Json golden = test::read_json("tests/golden/storyteller-llama.encodings.json");
    REQUIRE(golden["decodings"].size() == 100);
    for (const Json& example : golden["decodings"]) {
      const auto ids = example["ids"].get<Ids>();
      CHECK(storyteller().decode(ids) == example["text"].get<std::string>());
      CHECK(storyteller().decode(ids, /*skip_special=*/false) == example["text_with_special"].get<std::string>());
    }
  }
}

}  // namespace
}  // namespace sluice
