// tokenizer.json files that are broken, or use what is not supported: each is refused with an error that names the
// place.
#include <doctest/doctest.h>

#include <functional>

#include "base/random.h"
#include "pipeline/text/token_decoder.h"
#include "tests/pipeline/text/storyteller.h"

namespace sluice {
namespace {

using test::Json;
using namespace nlohmann::literals;

void check_refused_text(const std::string& json, const std::string& expected, const std::string& config = "") {
  const auto tokenizer = Tokenizer::from_json(json, config, "tokenizer.json");
  REQUIRE_FALSE_MESSAGE(tokenizer.ok(), expected);
  CHECK(tokenizer.error().code == ErrorCode::kModelLoadFailed);
  CHECK_MESSAGE(tokenizer.error().message.find(expected) != std::string::npos, tokenizer.error().message);
  CHECK(tokenizer.error().message.starts_with("tokenizer.json"));
}

void check_refused(const std::function<void(Json&)>& change, const std::string& expected) {
  Json json = test::byte_tokenizer_json({{"a", "b"}});
  test::add_token(json, "<s>");
  change(json);
  check_refused_text(json.dump(), expected);
}

TEST_SUITE("pipeline/text/hostile_tokenizer") {
  TEST_CASE("from_json: what is no JSON object is refused") {
    check_refused_text("", "no valid JSON");
    check_refused_text("{", "no valid JSON");
    check_refused_text("[]", "no JSON object");
    check_refused_text("{}", "has no \"model\"");
    check_refused_text("{\"a\": \"\xFF\"}", "no valid JSON");
    check_refused_text(std::string(100000, '['), "no valid JSON");
    check_refused_text(std::string(kTokenizerJsonBytesMax + 1, ' '), "larger than");
  }

  TEST_CASE("from_json: a file cut anywhere is refused") {
    Json json = test::byte_tokenizer_json({{"a", "b"}});
    test::add_token(json, "<s>");
    const std::string whole = json.dump();
    REQUIRE(Tokenizer::from_json(whole, "").ok());
    for (std::size_t size = 0; size < whole.size(); size += 37)
      check_refused_text(whole.substr(0, size), "no valid JSON");
  }

  TEST_CASE("from_json: bad ids and tokens are refused") {
    check_refused([](Json& j) { j["model"]["vocab"]["x"] = -1; }, "outside 0 to");
    check_refused([](Json& j) { j["model"]["vocab"]["new"] = 1LL << 40; }, "outside 0 to");
    check_refused([](Json& j) { j["model"]["vocab"]["new"] = 18446744073709551615ULL; }, "no integer");
    check_refused([](Json& j) { j["model"]["vocab"]["new"] = 1.5; }, "no integer");
    check_refused([](Json& j) { j["model"]["vocab"]["new"] = "7"; }, "no integer");
    check_refused([](Json& j) { j["model"]["vocab"]["new"] = 7; }, "which belongs to");
    check_refused([](Json& j) { j["model"]["vocab"].erase("ab"); }, "merge 0 needs the token \"ab\"");
    check_refused(
        [](Json& j) {
          j["model"]["vocab"].erase("z");
          j["model"]["unk_token"] = "<unk>";
        },
        "lacks the unknown token \"<unk>\"");
    check_refused([](Json& j) { j["model"]["vocab"][std::string(5000, 'x')] = 300; }, "more than 4096 bytes");
    check_refused([](Json& j) { j["model"]["vocab"] = Json::array(); }, "has no object \"vocab\"");
    check_refused([](Json& j) { j["model"].erase("vocab"); }, "has no object \"vocab\"");
  }

  TEST_CASE("from_json: bad merges are refused") {
    check_refused([](Json& j) { j["model"]["merges"] = 3; }, "has no list \"merges\"");
    check_refused([](Json& j) { j["model"]["merges"] = R"([["q", "nosuch"]])"_json; },
                  "merge 0 needs the token \"nosuch\"");
    check_refused([](Json& j) { j["model"]["merges"] = R"([["q", "r"]])"_json; }, "merge 0 needs the token \"qr\"");
    check_refused([](Json& j) { j["model"]["merges"] = R"(["q"])"_json; }, "does not name two tokens");
    check_refused([](Json& j) { j["model"]["merges"] = R"(["a b c"])"_json; }, "does not name two tokens");
    check_refused([](Json& j) { j["model"]["merges"] = R"([["a", "b", "c"]])"_json; }, "merge 0 is neither");
    check_refused([](Json& j) { j["model"]["merges"] = R"([["a", 1]])"_json; }, "merge 0 is neither");
    check_refused([](Json& j) { j["model"]["merges"] = R"([null])"_json; }, "merge 0 is neither");
  }

  TEST_CASE("from_json: bad added tokens are refused") {
    check_refused([](Json& j) { j["added_tokens"] = Json::object(); }, "is no list");
    check_refused([](Json& j) { j["added_tokens"][0] = 1; }, "is no JSON object");
    check_refused([](Json& j) { j["added_tokens"][0]["id"] = 7; }, "which belongs to");
    check_refused([](Json& j) { j["added_tokens"][0]["id"] = -7; }, "outside 0 to");
    check_refused([](Json& j) { j["added_tokens"][0].erase("id"); }, "no integer \"id\"");
    check_refused([](Json& j) { j["added_tokens"][0]["content"] = ""; }, "0 bytes");
    check_refused([](Json& j) { j["added_tokens"][0]["content"] = std::string(5000, 'x'); }, "5000 bytes");
    check_refused([](Json& j) { j["added_tokens"][0]["content"] = "a"; }, "and also 97");
    check_refused([](Json& j) { j["added_tokens"][0]["special"] = "yes"; }, "neither true nor false");
    check_refused([](Json& j) { j["added_tokens"][0]["single_word"] = 1; }, "neither true nor false");
    check_refused([](Json& j) { j["added_tokens"][0]["id"] = 1LL << 40; }, "outside 0 to");
    check_refused([](Json& j) { j["added_tokens"][0]["colour"] = "red"; }, "\"colour\"");
  }

  TEST_CASE("from_json: a model, decoder or normalizer of another kind is refused by name") {
    check_refused([](Json& j) { j["model"] = 1; }, "model is no JSON object");
    check_refused([](Json& j) { j["model"]["type"] = "Unigram"; }, "\"Unigram\", which is not supported");
    check_refused([](Json& j) { j["model"]["byte_fallback"] = "yes"; }, "\"byte_fallback\"");
    check_refused([](Json& j) { j["model"]["unk_token"] = 3; }, "\"unk_token\"");
    check_refused([](Json& j) { j["model"]["dropout"] = 0.1; }, "\"dropout\"");
    check_refused([](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }, "\"end_of_word_suffix\"");
    check_refused([](Json& j) { j["model"]["novelty"] = true; }, "\"novelty\"");
    check_refused([](Json& j) { j["decoder"] = nullptr; }, "decoder is missing");
    check_refused([](Json& j) { j["decoder"]["type"] = "WordPiece"; }, "decoder has the type \"WordPiece\"");
    check_refused([](Json& j) { j["normalizer"] = {{"type", "Lowercase"}}; }, "normalizer has the type \"Lowercase\"");
    check_refused([](Json& j) { j["normalizer"] = {{"type", "Prepend"}, {"prepend", ""}}; }, "0 bytes");
    check_refused([](Json& j) { j["normalizer"] = {{"type", "Prepend"}}; }, "no string \"prepend\"");
    check_refused(
        [](Json& j) { j["normalizer"] = R"({"type": "Replace", "pattern": {"String": ""}, "content": ""})"_json; },
        "0 bytes");
    check_refused(
        [](Json& j) { j["normalizer"] = R"({"type": "Replace", "pattern": {"Regex": "(a"}, "content": ""})"_json; },
        "does not compile");
    check_refused([](Json& j) { j["normalizer"] = "NFC"; }, "normalizer is no JSON object");
    check_refused([](Json& j) { j["normalizer"] = {{"type", "Sequence"}}; }, "without the list \"normalizers\"");
  }

  TEST_CASE("from_json: bad decoders are refused") {
    const auto with = [](std::initializer_list<Json> steps) {
      return [list = Json(steps)](Json& j) { j["decoder"] = {{"type", "Sequence"}, {"decoders", list}}; };
    };
    const Json replace = R"({"type": "Replace", "pattern": {"String": "_"}, "content": " "})"_json;
    const Json regex = R"({"type": "Replace", "pattern": {"Regex": "_"}, "content": " "})"_json;
    const Json fuse = {{"type", "Fuse"}};
    const Json bytes = {{"type", "ByteFallback"}};
    const Json strip = R"({"type": "Strip", "content": " ", "start": 1, "stop": 0})"_json;
    const Json strip_end = R"({"type": "Strip", "content": " ", "start": 0, "stop": 1})"_json;
    const Json strip_all = R"({"type": "Strip", "content": " ", "start": 1e99, "stop": 0})"_json;
    check_refused(with({}), "decoder is missing");
    check_refused(with({regex, bytes}), "is no \"String\"");
    check_refused(with({fuse, replace}), "\"Replace\" at a place");
    check_refused(with({bytes, bytes}), "\"ByteFallback\" at a place");
    check_refused(with({bytes, strip}), "Strip of each token");
    check_refused(with({fuse, strip_end}), "Strip at the end");
    check_refused(with({fuse, strip_all}), "no number of characters");
    check_refused(with({bytes, Json{{"type", "ByteLevel"}}}), "decoder has the type \"ByteLevel\"");
    check_refused([](Json& j) { j["decoder"] = {{"type", "Metaspace"}, {"replacement", "ab"}}; }, "not one character");
  }

  TEST_CASE("from_json: tokens that grow without end by replacements are refused") {
    check_refused(
        [](Json& j) {
          const Json grow = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(256, 'a')}};
          j["decoder"] = {{"type", "Sequence"}, {"decoders", Json(std::vector<Json>(30, grow))}};
          for (int i = 0; i < 3000; ++i) j["model"]["vocab"][std::string(1000, 'a') + std::to_string(i)] = 1000 + i;
        },
        "the tokens decode to more than");
  }

  TEST_CASE("from_json: a sequence nested without end is refused") {
    check_refused(
        [](Json& j) {
          Json nested = {{"type", "NFC"}};
          for (int i = 0; i < 20; ++i) nested = {{"type", "Sequence"}, {"normalizers", Json::array({nested})}};
          j["normalizer"] = nested;
        },
        "nested too deep");
  }

  TEST_CASE("from_json: bad pre-tokenizers are refused") {
    const auto with_split = [](const Json& pattern, const char* behavior) {
      return [=](Json& j) {
        const Json split = {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", false}};
        j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array({split, j["pre_tokenizer"]})}};
      };
    };
    check_refused(with_split({{"Regex", "(a"}}, "Isolated"), "does not compile");
    check_refused(with_split({{"Regex", "\\p{Nonsense}"}}, "Isolated"), "does not compile");
    check_refused(with_split({{"Regex", "a{9999999}"}}, "Isolated"), "does not compile");
    check_refused(with_split({{"Regex", std::string(20000, 'a')}}, "Isolated"), "20000 bytes");
    check_refused(with_split({{"Regex", "\\b"}}, "Isolated"), "the escape \\b");
    check_refused(with_split({{"Regex", 3}}, "Isolated"), "has no string \"Regex\"");
    check_refused(with_split({{"String", ""}}, "Isolated"), "0 bytes");
    check_refused(with_split({{"String", "a"}, {"Regex", "a"}}, "Isolated"), "is not one of");
    check_refused(with_split({{"Text", "a"}}, "Isolated"), "\"Text\"");
    check_refused(with_split({{"Regex", "a"}}, "Scattered"), "behavior \"Scattered\"");
    check_refused([](Json& j) { j["pre_tokenizer"]["add_prefix_space"] = 1; }, "add_prefix_space");
    check_refused(
        [](Json& j) {
          j["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", ""}};
        },
        "not one character");
    check_refused(
        [](Json& j) {
          j["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "often"}};
        },
        "prepend_scheme \"often\"");
    check_refused(
        [](Json& j) {
          const Json byte_level = j["pre_tokenizer"];
          j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Punctuation"}}, byte_level}}};
        },
        "\"Punctuation\"");
    check_refused(
        [](Json& j) {
          const Json byte_level = j["pre_tokenizer"];
          j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {byte_level, byte_level}}};
        },
        "after ByteLevel");
  }

  TEST_CASE("from_json: bad templates are refused") {
    const Json text = {{"Sequence", {{"id", "A"}}}};
    const Json token = {{"SpecialToken", {{"id", "<s>"}}}};
    const auto with = [](const Json& single, const Json& ids) {
      return [=](Json& j) {
        j["post_processor"] = {
            {"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", {{"<s>", {{"ids", ids}}}}}};
      };
    };
    check_refused(with(Json::array({token}), {257}), "exactly once");
    check_refused(with({text, text}, {257}), "exactly once");
    check_refused(with({token, text}, {999}), "an id that no token has");
    check_refused(with({token, text}, {-1}), "an id that no token has");
    check_refused(with({token, text}, "x"), "lacks the ids");
    check_refused(with({1, text}, {257}), "no JSON object");
    check_refused(with({Json{{"Novelty", 1}}, text}, {257}), "unknown template piece");
    check_refused([](Json& j) { j["post_processor"] = {{"type", "TemplateProcessing"}}; }, "without \"single\"");
    check_refused(
        [&](Json& j) {
          with({token, text}, {257})(j);
          j["post_processor"]["pair"] = 3;
        },
        "\"pair\" is no list");
    check_refused([](Json& j) { j["post_processor"] = {{"type", "BertProcessing"}}; }, "\"BertProcessing\"");
  }

  TEST_CASE("from_json: a bad tokenizer_config is refused") {
    const std::string json = test::byte_tokenizer_json().dump();
    check_refused_text(json, "no valid JSON", "{");
    check_refused_text(json, "without a text", R"({"bos_token": 3})");
    check_refused_text(json, "without a text", R"({"eos_token": {}})");
    check_refused_text(json, "which the vocabulary lacks", R"({"bos_token": "<s>"})");
  }

  TEST_CASE("from_json: random damage gives an error or a tokenizer, never a crash") {
    Json json = test::byte_tokenizer_json({{"a", "b"}, {"ab", "c"}});
    const Json split = {
        {"type", "Split"}, {"pattern", {{"Regex", R"([^\s\p{L}]?\p{L}+|\s+(?!\S)|\s+)"}}}, {"behavior", "Isolated"}};
    json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, json["pre_tokenizer"]}}};
    test::add_token(json, "<s>");
    const std::string whole = json.dump();
    REQUIRE(Tokenizer::from_json(whole, "").ok());
    SplitMix64 random(11);
    int num_loaded = 0;
    for (int round = 0; round < 400; ++round) {
      std::string damaged = whole;
      const auto num_changes = 1 + random.below(3);
      for (std::uint64_t i = 0; i < num_changes; ++i) {
        constexpr std::string_view kBytes = "{}[]\",:0-9anu\\ ";
        damaged[random.below(damaged.size())] = kBytes[random.below(kBytes.size())];
      }
      const auto tokenizer = Tokenizer::from_json(damaged, "");
      if (!tokenizer) {
        CHECK(tokenizer.error().code == ErrorCode::kModelLoadFailed);
        continue;
      }
      ++num_loaded;
      const auto ids = (*tokenizer)->encode("abc <s> \u00e9");
      if (ids) CHECK((*tokenizer)->decode(*ids, false) == "abc <s> \u00e9");
    }
    CHECK(num_loaded < 400);
  }

  TEST_CASE("decode: a first token of megabytes to be dropped") {
    constexpr std::size_t kCharacters = 2'000'000;
    std::string spelling;
    for (std::size_t i = 0; i < kCharacters; ++i) spelling += "\u2581a";
    TokenDecoder decoder;
    decoder.dropped_from_first = "\u2581";
    CHECK((decoder.first_piece(spelling).bytes == std::string(kCharacters, 'a')));
  }
}

}  // namespace
}  // namespace sluice
