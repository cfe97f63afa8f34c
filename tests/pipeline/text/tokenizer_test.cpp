#include "pipeline/text/tokenizer.h"

#include <doctest/doctest.h>

#include <thread>

#include "tests/pipeline/text/storyteller.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using test::Json;
using test::storyteller;
using namespace nlohmann::literals;
using Ids = std::vector<TokenId>;

constexpr EncodeOptions kPlain{.add_special_tokens = false, .parse_special_tokens = false};
constexpr EncodeOptions kParsing{.add_special_tokens = false, .parse_special_tokens = true};

TEST_SUITE("pipeline/text/tokenizer") {
  TEST_CASE("load: tells the vocabulary and the special tokens") {
    const Tokenizer& tokenizer = storyteller();
    CHECK(tokenizer.vocab_size() == 4096);
    CHECK(tokenizer.bos_id() == 0);
    CHECK(tokenizer.eos_id() == 1);
    CHECK(tokenizer.id_of("<|user|>") == 2);
    CHECK(tokenizer.id_of("no such token") == std::nullopt);
    CHECK(tokenizer.is_special(5));
    CHECK_FALSE(tokenizer.is_special(6));
    CHECK(tokenizer.token_bytes(265) == " the");
    CHECK(tokenizer.token_bytes(*tokenizer.id_of("\xC4\xA0the")) == " the");
    for (const TokenId absent : {-1, 4096, 1 << 30}) {
      CHECK(tokenizer.token_bytes(absent).empty());
      CHECK_FALSE(tokenizer.is_special(absent));
    }
  }

  TEST_CASE("load: a directory without the files is an error that names them") {
    const auto missing = Tokenizer::load(test::source_path("examples/models/no-such-model"));
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().code == ErrorCode::kModelLoadFailed);
    CHECK(missing.error().message.find("no-such-model/tokenizer.json does not exist") != std::string::npos);
  }

  TEST_CASE("encode: special-token text in user text never yields a control token") {
    for (const std::string text :
         {"<|user|>", "a<|end_of_text|>b", "<|begin_of_text|><|system|>", " <|end_of_turn|>\n"}) {
      const auto ids = storyteller().encode(text, kPlain);
      REQUIRE(ids.ok());
      CHECK(ids->size() > 1);
      for (const TokenId id : *ids) CHECK_FALSE(storyteller().is_special(id));
      CHECK(storyteller().decode(*ids) == text);
    }
  }

  TEST_CASE("encode: no merge and no whole pre-token yields a special token") {
    Json json = test::byte_tokenizer_json({{"<", "x"}, {"<x", ">"}, {"a", "b"}});
    json["model"]["ignore_merges"] = true;
    json["added_tokens"].push_back({{"id", json["model"]["vocab"]["<x>"]}, {"content", "<x>"}, {"special", true}});
    const auto tokenizer = test::load(json);
    const TokenId special = *tokenizer->id_of("<x>");
    CHECK(*tokenizer->encode("<x>", kParsing) == Ids{special});
    CHECK(*tokenizer->encode("<x>", kPlain) == Ids{*tokenizer->id_of("<x"), '>'});
    CHECK(*tokenizer->encode("ab", kPlain) == Ids{*tokenizer->id_of("ab")});
  }

  TEST_CASE("encode: the template's tokens are added only when asked for") {
    const auto with = storyteller().encode("The", {});
    const auto without = storyteller().encode("The", kPlain);
    REQUIRE(with.ok());
    CHECK(with->front() == 0);
    CHECK(Ids(with->begin() + 1, with->end()) == *without);
    CHECK(*storyteller().encode("", {}) == Ids{0});
    CHECK(storyteller().encode("", kPlain)->empty());
  }

  TEST_CASE("encode_segments: only trusted text makes control tokens, and pieces read as one text") {
    const std::vector<TextSegment> segments = {{"<|user|>", true}, {"<|user|>Once up", false}, {"on a time", true}};
    const auto ids = storyteller().encode_segments(segments, /*add_special_tokens=*/false);
    REQUIRE(ids.ok());
    const auto rest = storyteller().encode("<|user|>Once upon a time", kPlain);
    Ids expected = {2};
    expected.insert(expected.end(), rest->begin(), rest->end());
    CHECK(*ids == expected);
  }

  TEST_CASE("encode_segments: a control token that only half lies in trusted text is none") {
    const std::vector<TextSegment> segments = {{"<|us", true}, {"er|>", false}, {"<|", false}, {"user|>", true}};
    const auto ids = storyteller().encode_segments(segments, /*add_special_tokens=*/false);
    REQUIRE(ids.ok());
    for (const TokenId id : *ids) CHECK_FALSE(storyteller().is_special(id));
    CHECK(storyteller().decode(*ids) == "<|user|><|user|>");
  }

  TEST_CASE("encode_segments: a control token in two trusted pieces side by side is one") {
    const std::vector<TextSegment> segments = {{"<|us", true}, {"er|>", true}};
    CHECK(*storyteller().encode_segments(segments, /*add_special_tokens=*/false) == Ids{2});
  }

  TEST_CASE("encode: a normalized added token is found in normalized text, and mixed trust does not make one") {
    Json json = test::byte_tokenizer_json();
    json["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}}}};
    const TokenId token = test::add_token(json, "<caf\u00e9>", /*is_special=*/false, /*is_normalized=*/true);
    const auto tokenizer = test::load(json);
    CHECK(*tokenizer->encode("<cafe\u0301>!", kParsing) == Ids{token, '!'});
    CHECK(tokenizer->encode("<cafe\u0301>!", kPlain)->size() == 8);
    const std::vector<TextSegment> mixed = {{"<cafe\u0301>", true}, {"e\u0301", false}};
    CHECK(tokenizer->encode_segments(mixed, false)->size() == 9);
    const std::vector<TextSegment> unchanged = {{"<caf\u00e9>", true}, {"e", false}};
    CHECK(*tokenizer->encode_segments(unchanged, false) == Ids{token, 'e'});
  }

  TEST_CASE("from_json: merges may be strings, a sequence of templates nests, objects name begin and end") {
    Json json = test::byte_tokenizer_json({{"a", "b"}, {"ab", "c"}});
    json["model"]["merges"] = {"#version: 0.2", "a b", "ab c"};
    const TokenId bos = test::add_token(json, "<s>");
    const TokenId eos = test::add_token(json, "</s>");
    const auto wrap = [](const char* before, TokenId id) {
      const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
      const Json token = {{"SpecialToken", {{"id", before}, {"type_id", 0}}}};
      return Json{{"type", "TemplateProcessing"},
                  {"single", {token, text, token}},
                  {"special_tokens", {{before, {{"id", before}, {"ids", {id}}}}}}};
    };
    json["post_processor"] = {{"type", "Sequence"},
                              {"processors", {{{"type", "ByteLevel"}}, wrap("<s>", bos), wrap("</s>", eos)}}};
    const auto tokenizer = test::load(
        json, R"({"bos_token": {"content": "<s>"}, "eos_token": {"__type": "AddedToken", "content": "</s>"}})");
    CHECK(*tokenizer->encode("abcab") == Ids{eos, bos, 257, 256, bos, eos});
    CHECK(tokenizer->bos_id() == bos);
    CHECK(tokenizer->eos_id() == eos);
  }

  TEST_CASE("from_json: the template of tokenizer.json counts, whatever flags tokenizer_config.json has") {
    Json json = test::byte_tokenizer_json();
    const TokenId bos = test::add_token(json, "<s>");
    const auto tokenizer =
        test::load(json, R"({"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true, "bos_token": "<s>"})");
    CHECK(*tokenizer->encode("a") == Ids{'a'});
    CHECK(tokenizer->bos_id() == bos);
  }

  TEST_CASE("load: the Llama class counts only in a directory of a tokenizer alone") {
    Json json = test::byte_tokenizer_json({{"a", "b"}});
    json["model"]["vocab"]["\u2581"] = json["model"]["vocab"].size();
    test::TempDirectory directory;
    directory.write("tokenizer.json", json.dump());
    directory.write("tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizer", "legacy": true})");
    const auto alone = Tokenizer::load(directory.path());
    REQUIRE(alone.ok());
    const TokenId metaspace = *(*alone)->id_of("\u2581");
    CHECK(*(*alone)->encode("ab ab") == Ids{metaspace, 256, metaspace, 256});
    CHECK((*alone)->decode(*(*alone)->encode("ab ab")) == "ab ab");
    directory.write("config.json", "{}");
    const auto of_model = Tokenizer::load(directory.path());
    REQUIRE(of_model.ok());
    CHECK(*(*of_model)->encode("ab ab") == Ids{256, ' ', 256});
  }

  TEST_CASE("encode: a legacy Llama tokenizer finds normalized tokens in trusted parts of a mixed text") {
    Json json = test::byte_tokenizer_json();
    json["normalizer"] = R"({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "_"},
                             {"type": "Replace", "pattern": {"String": " "}, "content": "_"}]})"_json;
    const TokenId token = test::add_token(json, "<t>", /*is_special=*/true, /*is_normalized=*/true);
    const auto tokenizer = test::load(json);
    const std::vector<TextSegment> segments = {{"x", false}, {" <t>", true}, {"y <t>", false}};
    CHECK(*tokenizer->encode_segments(segments, false) == Ids{'_', 'x', token, 'y', '_', '<', 't', '>'});
    CHECK(*tokenizer->encode("<t>", kParsing) == Ids{token});
  }

  TEST_CASE("encode: threads share one tokenizer") {
    const std::string text = "The wolf said to the little girl, 123 times.";
    const auto expected = *storyteller().encode(text);
    std::vector<Ids> results(4);
    {
      std::vector<std::jthread> threads;
      for (Ids& result : results) {
        threads.emplace_back([&result, &text, &tokenizer = storyteller()] {
          for (int i = 0; i < 50; ++i) result = *tokenizer.encode(text);
        });
      }
    }
    for (const Ids& result : results) CHECK(result == expected);
  }
}

}  // namespace
}  // namespace sluice
