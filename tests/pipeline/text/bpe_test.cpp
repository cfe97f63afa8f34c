#include "pipeline/text/bpe.h"

#include <doctest/doctest.h>

#include <map>

#include "base/random.h"
#include "pipeline/text/byte_level.h"

namespace sluice {
namespace {

using Ids = std::vector<TokenId>;
using Merges = MergeList;

Vocabulary vocabulary_of(const Merges& merges) {
  Vocabulary vocabulary;
  for (unsigned byte = 0; byte < 256; ++byte) {
    REQUIRE(vocabulary.add(byte_level_spelling(static_cast<unsigned char>(byte)), byte).ok());
  }
  for (const auto& [left, right] : merges) {
    if (!vocabulary.id_of(left + right)) REQUIRE(vocabulary.add(left + right, vocabulary.size()).ok());
  }
  return vocabulary;
}

// The definition: join the leftmost pair of the lowest rank until there is none.
Ids encode_slowly(const Vocabulary& vocabulary, const Merges& merges, const std::string& text) {
  std::vector<std::string> symbols;
  for (const char c : text) symbols.emplace_back(1, c);
  std::map<std::pair<std::string, std::string>, std::size_t> ranks;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) ranks[merges[rank]] = rank;
  while (true) {
    std::size_t best_rank = merges.size();
    std::size_t best = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ranks.find({symbols[i], symbols[i + 1]});
      if (found == ranks.end() || found->second >= best_rank) continue;
      best_rank = found->second;
      best = i;
    }
    if (best_rank == merges.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& symbol : symbols) ids.push_back(*vocabulary.id_of(symbol));
  return ids;
}

Ids encode(const Bpe& bpe, std::string_view text) {
  BpeScratch scratch;
  Ids ids;
  bpe.encode(text, scratch, ids);
  return ids;
}

TEST_SUITE("pipeline/text/bpe") {
  TEST_CASE("encode: random merges on random texts, short and long, give what the definition gives") {
    SplitMix64 random(1);
    for (int round = 0; round < 60; ++round) {
      std::vector<std::string> symbols = {"a", "b", "c"};
      Merges merges;
      for (int i = 0; i < 25; ++i) {
        std::string left = symbols[random.below(symbols.size())];
        std::string right = symbols[random.below(symbols.size())];
        if (left.size() + right.size() <= 8) symbols.push_back(left + right);
        if (left.size() + right.size() <= 8) merges.emplace_back(std::move(left), std::move(right));
      }
      const Vocabulary vocabulary = vocabulary_of(merges);
      const auto bpe = Bpe::create(vocabulary, merges, {});
      REQUIRE(bpe.ok());
      // One scratch for many texts: what it has seen must not change what comes out.
      BpeScratch scratch;
      std::vector<std::string> texts;
      for (const std::uint64_t size : {1U, 2U, 3U, 8U, 31U, 32U, 33U, 64U, 65U, 200U}) {
        std::string text;
        for (std::uint64_t i = 0; i < size; ++i) text += static_cast<char>('a' + random.below(3));
        texts.push_back(text);
      }
      for (int again = 0; again < 2; ++again) {
        for (const std::string& text : texts) {
          Ids ids;
          bpe->encode(text, scratch, ids);
          CHECK(ids == encode_slowly(vocabulary, merges, text));
        }
      }
    }
  }

  TEST_CASE("encode: a token whose parts cannot be merged is reached only with ignore_merges") {
    Vocabulary vocabulary = vocabulary_of({});
    REQUIRE(vocabulary.add("abc", 256).ok());
    CHECK(encode(*Bpe::create(vocabulary, {}, {}), "abc") == Ids{'a', 'b', 'c'});
    CHECK(encode(*Bpe::create(vocabulary, {}, {.ignore_merges = true}), "abc") == Ids{256});
    CHECK(encode(*Bpe::create(vocabulary, {}, {.ignore_merges = true}), "abcd") == Ids{'a', 'b', 'c', 'd'});
  }

  TEST_CASE("encode: a character that is no token becomes its bytes, else the unknown token, else nothing") {
    Vocabulary vocabulary;
    REQUIRE(vocabulary.add("<unk>", 0).ok());
    REQUIRE(vocabulary.add("a", 1).ok());
    REQUIRE(vocabulary.add("<0xC3>", 2).ok());
    REQUIRE(vocabulary.add("<0xA9>", 3).ok());
    REQUIRE(vocabulary.add("aa", 4).ok());
    const Merges merges = {{"a", "a"}};
    const auto encode_with = [&](BpeOptions options, std::string_view text) {
      options.is_byte_level = false;
      return encode(*Bpe::create(vocabulary, merges, options), text);
    };
    constexpr const char* kText = "\u4f60\u4f60a\u00e9aa";  // The first two lack their bytes.
    CHECK(encode_with({}, kText) == Ids{4, 1});
    CHECK(encode_with({.has_byte_fallback = true}, kText) == Ids{1, 2, 3, 4});
    CHECK(encode_with({.unknown_token = "<unk>"}, kText) == Ids{0, 0, 1, 0, 4});
    CHECK(encode_with({.unknown_token = "<unk>", .fuses_unknown = true}, kText) == Ids{0, 1, 0, 4});
    CHECK(encode_with({.has_byte_fallback = true, .unknown_token = "<unk>"}, kText) == Ids{0, 0, 1, 2, 3, 4});
    // As in the reference implementation bytes overtake an unknown token that is due.
    CHECK(encode_with({.has_byte_fallback = true, .unknown_token = "<unk>"}, "\u4f60\u00e9a") == Ids{2, 3, 0, 1});
    CHECK_FALSE(Bpe::create(vocabulary, merges, {.is_byte_level = false, .unknown_token = "<none>"}).ok());
  }

  TEST_CASE("encode: parts that begin with U+2581 are merged by themselves only if no merge joins them") {
    Vocabulary vocabulary;
    const std::vector<std::string> tokens = {"\u2581", "a", "b", "\u2581\u2581", "\u2581a", "b\u2581"};
    for (const std::string& token : tokens) REQUIRE(vocabulary.add(token, vocabulary.size()).ok());
    const Merges apart = {{"\u2581", "\u2581"}, {"\u2581", "a"}};
    Merges joined = {{"b", "\u2581"}};
    joined.insert(joined.end(), apart.begin(), apart.end());
    const BpeOptions options{.is_byte_level = false};
    const std::string text = "\u2581ab\u2581a\u2581\u2581\u2581b";
    CHECK(encode(*Bpe::create(vocabulary, apart, options), text) == Ids{4, 2, 4, 3, 0, 2});
    CHECK(encode(*Bpe::create(vocabulary, joined, options), text) == Ids{4, 5, 1, 3, 0, 2});
    // Longer than what is remembered, and than what is scanned for the best pair.
    Ids many;
    std::string long_text;
    for (int i = 0; i < 200; ++i) {
      long_text += text;
      for (const TokenId id : {4, 2, 4, 3, 0, 2}) many.push_back(id);
    }
    CHECK(encode(*Bpe::create(vocabulary, apart, options), long_text) == many);
  }

  TEST_CASE("vocabulary: an id has one spelling and a spelling one id") {
    Vocabulary vocabulary;
    CHECK(vocabulary.add("a", 3).ok());
    CHECK(vocabulary.add("a", 3).ok());
    CHECK_FALSE(vocabulary.add("a", 4).ok());
    CHECK_FALSE(vocabulary.add("b", 3).ok());
    CHECK(vocabulary.size() == 4);
    CHECK_FALSE(vocabulary.contains(2));
    CHECK(vocabulary.spelling(2).empty());
    REQUIRE(vocabulary.decode_tokens({}).ok());
    CHECK(vocabulary.bytes(3) == "a");
    CHECK_FALSE(vocabulary.add(std::string(kTokenBytesMax + 1, 'x'), 9).ok());
  }
}

}  // namespace
}  // namespace sluice
