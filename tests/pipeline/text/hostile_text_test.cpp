// Texts that no one writes, and someone sends.
#include <doctest/doctest.h>

#include "base/random.h"
#include "pipeline/text/utf8.h"
#include "tests/pipeline/text/storyteller.h"

namespace sluice {
namespace {

using test::Json;
using test::storyteller;

constexpr std::size_t kMegabyte = 1'000'000;

std::string repeated(std::string_view unit, std::size_t size_bytes) {
  std::string text;
  while (text.size() + unit.size() <= size_bytes) text += unit;
  return text;
}

void check_round_trip(const std::string& text) {
  const auto ids = storyteller().encode(text, {.add_special_tokens = false});
  REQUIRE(ids.ok());
  CHECK((storyteller().decode(*ids) == text));  // Parentheses: a failure does not print a megabyte.
}

TEST_SUITE("pipeline/text/hostile_text") {
  TEST_CASE("encode: text that is not UTF-8 is refused") {
    for (const std::string text :
         {"\xFF", "a\x80", "\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "abc\xE2\x82"}) {
      const auto ids = storyteller().encode(text);
      REQUIRE_FALSE(ids.ok());
      CHECK(ids.error().code == ErrorCode::kInvalidRequest);
    }
    // Two halves of a character in two segments are not one.
    const std::vector<TextSegment> halves = {{"\xC3", true}, {"\xA9", true}};
    CHECK_FALSE(storyteller().encode_segments(halves, false).ok());
  }

  TEST_CASE("encode: text over the limit is refused, also over several segments") {
    const TextSegment half{std::string(kTokenizerTextBytesMax / 2 + 1, 'a'), false};
    const std::vector<TextSegment> segments = {half, half};
    const auto ids = storyteller().encode_segments(segments, false);
    REQUIRE_FALSE(ids.ok());
    CHECK(ids.error().message.find("longer than 16777216 bytes") != std::string::npos);
  }

  TEST_CASE("encode: NUL and other control characters are characters") {
    const std::string text("a\0b\0\0\x01\x7F \0", 9);
    check_round_trip(text);
  }

  TEST_CASE("encode: a megabyte of one letter is one pre-token and no trouble") {
    check_round_trip(repeated("a", kMegabyte));
  }

  TEST_CASE("encode: a megabyte of letters without a space") {
    SplitMix64 random(5);
    std::string text;
    while (text.size() < kMegabyte) text += static_cast<char>('a' + random.below(26));
    check_round_trip(text);
  }

  TEST_CASE("encode: a megabyte of spaces, of line ends, of punctuation, of both mixed") {
    check_round_trip(repeated(" ", kMegabyte));
    check_round_trip(repeated(" ", kMegabyte) + "x");
    check_round_trip(repeated("\r\n", kMegabyte));
    check_round_trip(repeated("!", kMegabyte));
    check_round_trip(repeated(" \n", kMegabyte / 4));
  }

  TEST_CASE("encode: a megabyte that is almost special tokens") {
    const std::string text = repeated("<|user|", kMegabyte / 4);
    const auto ids = storyteller().encode(text, {.add_special_tokens = false, .parse_special_tokens = true});
    REQUIRE(ids.ok());
    CHECK((storyteller().decode(*ids) == text));
  }

  TEST_CASE("encode: random valid UTF-8 always comes back") {
    SplitMix64 random(6);
    for (int round = 0; round < 300; ++round) {
      std::string bytes;
      const auto size = random.below(60);
      for (std::uint64_t i = 0; i < size; ++i) {
        bytes += static_cast<char>(random.below(3) == 0 ? random.below(256) : random.below(128));
      }
      std::string text;
      append_lossy_utf8(bytes, text);
      check_round_trip(text);
    }
  }

  TEST_CASE("encode: a megabyte for a tokenizer of characters, whether it can be parted or not") {
    for (const bool is_joined : {false, true}) {
      Json json = test::byte_tokenizer_json({{"\u2581", "a"}, {"a", "b"}});
      json["model"]["vocab"]["\u2581"] = 500;
      json["model"]["vocab"]["\u2581a"] = 501;
      if (is_joined) {
        json["model"]["merges"].push_back({"b", "\u2581"});
        json["model"]["vocab"]["b\u2581"] = 502;
      }
      json["model"]["byte_fallback"] = true;
      json["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"split", false}};
      json["decoder"] = {{"type", "Metaspace"}, {"replacement", "\u2581"}};
      const auto tokenizer = test::load(json);
      const std::string text = "ab" + repeated(" abb", kMegabyte);
      const auto ids = tokenizer->encode(text, {.add_special_tokens = false});
      REQUIRE(ids.ok());
      CHECK((tokenizer->decode(*ids) == text));
    }
  }

  TEST_CASE("encode: a megabyte of marks out of order for a tokenizer that normalizes") {
    Json json = test::byte_tokenizer_json();
    json["normalizer"] = {{"type", "NFC"}};
    const auto tokenizer = test::load(json);
    const std::string above = repeated("\u0301", kMegabyte / 2);
    const std::string below = repeated("\u0323", kMegabyte / 2);
    const auto ids = tokenizer->encode("a" + above + below, {.add_special_tokens = false});
    REQUIRE(ids.ok());
    const std::string expected = "\u1EA1" + below.substr(2) + above;
    CHECK((tokenizer->decode(*ids) == expected));
  }

  TEST_CASE("encode: an expression that backtracks without end is stopped with an error") {
    Json json = test::byte_tokenizer_json();
    const Json split = {{"type", "Split"}, {"pattern", {{"Regex", "(a|a|aa)+(?=b)"}}}, {"behavior", "Isolated"}};
    json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, json["pre_tokenizer"]}}};
    const auto tokenizer = test::load(json);
    CHECK(tokenizer->encode("aab").ok());
    const auto ids = tokenizer->encode(std::string(60, 'a'));
    REQUIRE_FALSE(ids.ok());
    CHECK(ids.error().code == ErrorCode::kInvalidRequest);
    CHECK(ids.error().message.find("gave up on this text") != std::string::npos);
  }
}

}  // namespace
}  // namespace sluice
