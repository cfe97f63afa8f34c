#include "pipeline/text/detokenizer.h"

#include <doctest/doctest.h>

#include "base/random.h"
#include "pipeline/text/utf8.h"
#include "tests/pipeline/text/storyteller.h"

namespace sluice {
namespace {

using test::Json;
using test::storyteller;
using Ids = std::vector<TokenId>;

Ids byte_ids(std::string_view bytes) {
  Ids ids;
  for (const char c : bytes) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

void check_stream_equals_whole(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  Detokenizer detokenizer(tokenizer, skip_special);
  std::string streamed;
  for (const TokenId id : ids) {
    const std::string text = detokenizer.push(id).text;
    CHECK(is_valid_utf8(text));
    streamed += text;
  }
  streamed += detokenizer.finish().text;
  CHECK(streamed == tokenizer.decode(ids, skip_special));
  CHECK(detokenizer.num_tokens() == ids.size());
}

TEST_SUITE("pipeline/text/detokenizer") {
  TEST_CASE("push: a character appears with its last byte") {
    const auto tokenizer = test::load(test::byte_tokenizer_json());
    Detokenizer detokenizer(*tokenizer);
    CHECK(detokenizer.push('x').text == "x");
    CHECK(detokenizer.push(0xE2).text.empty());
    CHECK(detokenizer.push(0x82).text.empty());
    const DecodedText euro = detokenizer.push(0xAC);
    CHECK(euro.text == "\u20AC");
    CHECK(euro.carried_bytes == 3);
    CHECK(euro.carried_token == 1);
    CHECK(detokenizer.finish().text.empty());
  }

  TEST_CASE("push: bytes that turn out to be no character become one replacement, and what follows counts anew") {
    const auto tokenizer = test::load(test::byte_tokenizer_json());
    Detokenizer detokenizer(*tokenizer);
    CHECK(detokenizer.push(0xE2).text.empty());
    const DecodedText broken = detokenizer.push(0xC3);
    CHECK(broken.text == "\uFFFD");
    CHECK(broken.carried_bytes == 3);
    CHECK(broken.carried_token == 0);
    const DecodedText whole = detokenizer.push(0xA9);
    CHECK(whole.text == "\u00e9");
    CHECK(whole.carried_token == 1);
    CHECK(detokenizer.push(0xF0).text.empty());
    const DecodedText last = detokenizer.finish();
    CHECK(last.text == "\uFFFD");
    CHECK(last.carried_token == 3);
    CHECK(detokenizer.finish().text.empty());
  }

  TEST_CASE("push: a skipped special token does not part a character, a shown one does") {
    Json json = test::byte_tokenizer_json();
    const TokenId special = test::add_token(json, "<s>");
    const auto tokenizer = test::load(json);
    for (const bool skip_special : {true, false}) {
      const Ids ids = {0xE2, special, 0x82, 0xAC};
      check_stream_equals_whole(*tokenizer, ids, skip_special);
      CHECK(tokenizer->decode(ids, skip_special) == (skip_special ? "\u20AC" : "\uFFFD<s>\uFFFD\uFFFD"));
    }
  }

  TEST_CASE("property: random bytes as tokens stream to what they decode to at once") {
    const auto tokenizer = test::load(test::byte_tokenizer_json());
    SplitMix64 random(3);
    constexpr std::string_view kNasty = "\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xED\xA0\xF4\x90\xC0\x80\xBF\xFF";
    for (int round = 0; round < 2000; ++round) {
      std::string bytes;
      const auto size = random.below(12);
      for (std::uint64_t i = 0; i < size; ++i) {
        bytes += random.below(4) == 0 ? static_cast<char>(random.below(256)) : kNasty[random.below(kNasty.size())];
      }
      std::string expected;
      append_lossy_utf8(bytes, expected);
      CHECK(tokenizer->decode(byte_ids(bytes)) == expected);
      check_stream_equals_whole(*tokenizer, byte_ids(bytes), true);
    }
  }

  TEST_CASE("property: random tokens of the model, absent ids among them, stream to what they decode to at once") {
    SplitMix64 random(4);
    for (int round = 0; round < 500; ++round) {
      Ids ids;
      const auto size = random.below(20);
      for (std::uint64_t i = 0; i < size; ++i) {
        const std::uint64_t bound = random.below(2) == 0 ? 300 : 4200;
        ids.push_back(static_cast<TokenId>(random.below(bound)) - 2);
      }
      check_stream_equals_whole(storyteller(), ids, round % 2 == 0);
    }
  }
}

}  // namespace
}  // namespace sluice
