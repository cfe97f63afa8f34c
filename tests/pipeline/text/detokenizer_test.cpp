#include "pipeline/text/detokenizer.h"

#include <doctest/doctest.h>

#include <map>

#include "base/random.h"
#include "pipeline/text/utf8.h"
#include "tests/pipeline/text/storyteller.h"

namespace sluice {
namespace {

using namespace nlohmann::literals;
using test::Json;
using test::storyteller;
using Carried = std::vector<DecodedText::Carried>;
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

// tokenizer.json with the bytes "<0x00>" to "<0xFF>" as tokens 0 to 255, then "_", "_a", "b", "\u00e9" and the special
// token "<s>".
Json fallback_tokenizer_json(const Json& decoder) {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const auto b = static_cast<std::size_t>(byte);
    vocab[std::string("<0x") + kDigits[b / 16] + kDigits[b % 16] + ">"] = byte;
  }
  for (const char* token : {"_", "_a", "b", "\u00e9"}) vocab[token] = vocab.size();
  Json json = {{"added_tokens", Json::array()},
               {"decoder", decoder},
               {"model", {{"type", "BPE"}, {"byte_fallback", true}, {"vocab", vocab}, {"merges", Json::array()}}}};
  test::add_token(json, "<s>");
  return json;
}

const Json kSequence = R"({"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "_"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})"_json;
const Json kMetaspace = R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"})"_json;

// The definition: runs of bytes are text as a whole or not at all, then one space is stripped.
std::string decode_slowly(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  std::string text;
  std::string run;
  const auto end_run = [&] {
    if (is_valid_utf8(run)) {
      text += run;
    } else {
      for (std::size_t i = 0; i < run.size(); ++i) text += kReplacementCharacter;
    }
    run.clear();
  };
  const std::map<TokenId, std::string> texts = {{256, " "}, {257, " a"}, {258, "b"}, {259, "\u00e9"}, {260, "<s>"}};
  for (const TokenId id : ids) {
    if ((skip_special && tokenizer.is_special(id)) || id < 0 || id > 260) continue;
    if (id < 256) {
      run += static_cast<char>(id);
      continue;
    }
    end_run();
    text += texts.at(id);
  }
  end_run();
  return text.starts_with(' ') ? text.substr(1) : text;
}

TEST_SUITE("pipeline/text/detokenizer") {
  TEST_CASE("push: a run of byte tokens waits for its end, and each character counts for the token that began it") {
    const auto tokenizer = test::load(fallback_tokenizer_json(kSequence));
    Detokenizer detokenizer(*tokenizer);
    CHECK(detokenizer.push(256).text.empty());
    CHECK(detokenizer.push(257).text == " a");
    for (const TokenId byte : {0x0A, 0xE2, 0x82, 0xAC}) CHECK(detokenizer.push(byte).text.empty());
    CHECK(detokenizer.waiting_token() == 2);
    const DecodedText whole = detokenizer.push(258);
    CHECK(whole.text == "\n\u20ACb");
    CHECK(whole.carried == Carried{{1, 2}, {3, 3}});
    CHECK_FALSE(detokenizer.waiting_token());
    for (const TokenId byte : {0x0A, 0xE2}) CHECK(detokenizer.push(byte).text.empty());
    const DecodedText broken = detokenizer.finish();
    CHECK(broken.text == "\uFFFD\uFFFD");
    CHECK(broken.carried == Carried{{3, 7}, {3, 8}});
  }

  TEST_CASE("push: a Metaspace is a space, but not in the first token that is shown") {
    const auto tokenizer = test::load(fallback_tokenizer_json(kMetaspace));
    CHECK(tokenizer->decode(Ids{260, 257, 257, 256}) == "a a ");
    CHECK(tokenizer->decode(Ids{260, 257}, /*skip_special=*/false) == "<s> a");
    CHECK(tokenizer->decode(Ids{0x41, 257}) == "<0x41> a");  // Without ByteFallback.
  }

  TEST_CASE("property: random tokens with runs of bytes stream to what the definition gives") {
    const auto tokenizer = test::load(fallback_tokenizer_json(kSequence));
    SplitMix64 random(5);
    constexpr std::string_view kNasty = "\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9 \n";
    for (int round = 0; round < 3000; ++round) {
      Ids ids;
      const auto size = random.below(14);
      for (std::uint64_t i = 0; i < size; ++i) {
        const auto kind = random.below(8);
        if (kind == 0) {
          for (const char c : kNasty.substr(0, 3)) ids.push_back(static_cast<unsigned char>(c));
        } else if (kind < 5) {
          ids.push_back(static_cast<unsigned char>(kNasty[random.below(kNasty.size())]));
        } else {
          ids.push_back(static_cast<TokenId>(254 + random.below(9)));
        }
      }
      for (const bool skip_special : {true, false}) {
        const std::string expected = decode_slowly(*tokenizer, ids, skip_special);
        CHECK(tokenizer->decode(ids, skip_special) == expected);
        check_stream_equals_whole(*tokenizer, ids, skip_special);
      }
    }
  }

  TEST_CASE("push: a character appears with its last byte") {
    const auto tokenizer = test::load(test::byte_tokenizer_json());
    Detokenizer detokenizer(*tokenizer);
    CHECK(detokenizer.push('x').text == "x");
    CHECK(detokenizer.push(0xE2).text.empty());
    CHECK(detokenizer.push(0x82).text.empty());
    const DecodedText euro = detokenizer.push(0xAC);
    CHECK(euro.text == "\u20AC");
    CHECK(euro.carried == Carried{{3, 1}});
    CHECK(detokenizer.finish().text.empty());
  }

  TEST_CASE("push: bytes that turn out to be no character become one replacement, and what follows counts anew") {
    const auto tokenizer = test::load(test::byte_tokenizer_json());
    Detokenizer detokenizer(*tokenizer);
    CHECK(detokenizer.push(0xE2).text.empty());
    const DecodedText broken = detokenizer.push(0xC3);
    CHECK(broken.text == "\uFFFD");
    CHECK(broken.carried == Carried{{3, 0}});
    const DecodedText whole = detokenizer.push(0xA9);
    CHECK(whole.text == "\u00e9");
    CHECK(whole.carried == Carried{{2, 1}});
    CHECK(detokenizer.push(0xF0).text.empty());
    const DecodedText last = detokenizer.finish();
    CHECK(last.text == "\uFFFD");
    CHECK(last.carried == Carried{{3, 3}});
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
