// Encodings and decodings against those of Hugging Face (tests/golden/).
#include <doctest/doctest.h>

#include "pipeline/text/detokenizer.h"
#include "tests/pipeline/text/storyteller.h"

namespace sluice {
namespace {

using test::Json;
using test::storyteller;
using Ids = std::vector<TokenId>;

TEST_SUITE("pipeline/text/tokenizer") {
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
