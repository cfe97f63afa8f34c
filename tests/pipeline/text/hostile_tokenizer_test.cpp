// tokenizer.json files that are broken, or use what is not supported: each is refused with an error that names the
// place.
#include <doctest/doctest.h>

#include <functional>

#include "base/random.h"
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
    check_refused([](Json& j) { j["model"]["vocab"].erase("z"); }, "no token \"z\" for byte 122");
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
    check_refused([](Json& j) { j["added_tokens"][0]["single_word"] = true; }, "single_word");
    check_refused([](Json& j) { j["added_tokens"][0]["colour"] = "red"; }, "\"colour\"");
  }

  TEST_CASE("from_json: a model that is no byte-level BPE is refused by name") {
    check_refused([](Json& j) { j["model"] = 1; }, "model is no JSON object");
    check_refused([](Json& j) { j["model"]["type"] = "Unigram"; }, "\"Unigram\", which is not supported");
    check_refused([](Json& j) { j["model"]["byte_fallback"] = true; }, "\"byte_fallback\"");
    check_refused([](Json& j) { j["model"]["dropout"] = 0.1; }, "\"dropout\"");
    check_refused([](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }, "\"end_of_word_suffix\"");
    check_refused([](Json& j) { j["model"]["novelty"] = true; }, "\"novelty\"");
    check_refused([](Json& j) { j["decoder"] = nullptr; }, "decoder is not ByteLevel");
    check_refused([](Json& j) { j["decoder"]["type"] = "Metaspace"; }, "decoder has the type \"Metaspace\"");
    check_refused([](Json& j) { j["normalizer"] = {{"type", "NFKC"}}; }, "normalizer has the type \"NFKC\"");
    check_refused([](Json& j) { j["normalizer"] = "NFC"; }, "normalizer is no JSON object");
    check_refused([](Json& j) { j["normalizer"] = {{"type", "Sequence"}}; }, "without the list \"normalizers\"");
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
    const auto with_split = [](const Json& pattern, const char* behavior, bool invert = false) {
      return [=](Json& j) {
        const Json split = {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", invert}};
        j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array({split, j["pre_tokenizer"]})}};
      };
    };
    check_refused(with_split({{"Regex", "(a"}}, "Isolated"), "does not compile");
    check_refused(with_split({{"Regex", "\\p{Nonsense}"}}, "Isolated"), "does not compile");
    check_refused(with_split({{"Regex", "a{9999999}"}}, "Isolated"), "does not compile");
    check_refused(with_split({{"Regex", std::string(20000, 'a')}}, "Isolated"), "20000 bytes");
    check_refused(with_split({{"Regex", "\\w+"}}, "Isolated"), "the escape \\w");
    check_refused(with_split({{"Regex", 3}}, "Isolated"), "has no string \"Regex\"");
    check_refused(with_split({{"String", " "}}, "Isolated"), "\"String\"");
    check_refused(with_split({{"Regex", "a"}}, "Removed"), "\"Removed\"");
    check_refused(with_split({{"Regex", "a"}}, "Isolated", true), "inverted");
    check_refused([](Json& j) { j["pre_tokenizer"] = nullptr; }, "does not end with ByteLevel");
    check_refused([](Json& j) { j["pre_tokenizer"]["add_prefix_space"] = true; }, "add_prefix_space");
    check_refused(
        [](Json& j) {
          const Json byte_level = j["pre_tokenizer"];
          j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Digits"}}, byte_level}}};
        },
        "\"Digits\"");
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
    check_refused([](Json& j) { j["post_processor"] = {{"type", "BertProcessing"}}; }, "\"BertProcessing\"");
  }

  TEST_CASE("from_json: a bad tokenizer_config is refused") {
    const std::string json = test::byte_tokenizer_json().dump();
    check_refused_text(json, "no valid JSON", "{");
    check_refused_text(json, "without a text", R"({"bos_token": 3})");
    check_refused_text(json, "without a text", R"({"eos_token": {}})");
    check_refused_text(json, "which the vocabulary lacks", R"({"bos_token": "<s>"})");
    check_refused_text(json, "does not name", R"({"tokenizer_class": "LlamaTokenizerFast"})");
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
}

}  // namespace
}  // namespace sluice
