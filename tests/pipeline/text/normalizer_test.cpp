#include "pipeline/text/normalizer.h"

#include <doctest/doctest.h>
#include <utf8proc.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "base/random.h"

namespace sluice {
namespace {

Normalizer of(NormalizerStep step) {
  std::vector<NormalizerStep> steps;
  steps.push_back(std::move(step));
  return Normalizer(std::move(steps));
}

std::string apply(const Normalizer& normalizer, std::string text) {
  RegexMatcher matcher;
  auto normalized = normalizer.apply({std::move(text), {}}, matcher);
  REQUIRE(normalized.ok());
  return normalized->text;
}

std::string mapped_by_utf8proc(const std::string& text, int options) {
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(result, &std::free);
  REQUIRE(size >= 0);
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

// Of marks, of what they compose with, of Hangul, of compatibility characters, of all of Unicode.
std::string random_character(SplitMix64& random) {
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };
  constexpr std::array<Range, 16> kRanges = {{{0x41, 0x7A},
                                              {0xC0, 0x24F},
                                              {0x300, 0x36F},
                                              {0x300, 0x36F},
                                              {0x300, 0x36F},
                                              {0x591, 0x670},
                                              {0x9BC, 0x9D7},
                                              {0xF71, 0xF84},
                                              {0x1100, 0x11FF},
                                              {0x1DC0, 0x1FFF},
                                              {0x2100, 0x24FF},
                                              {0x3040, 0x33FF},
                                              {0xAC00, 0xD7A3},
                                              {0xF900, 0xFFEF},
                                              {0x1D150, 0x1D1FF},
                                              {0xE000, 0x10FFFF}}};
  const Range range = kRanges[random.below(kRanges.size())];
  const auto character = static_cast<utf8proc_int32_t>(range.first + random.below(range.last - range.first + 1));
  std::array<utf8proc_uint8_t, 4> bytes{};
  const utf8proc_ssize_t size = utf8proc_encode_char(character, bytes.data());
  return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size)};
}

TEST_SUITE("pipeline/text/normalizer") {
  TEST_CASE("apply: NFC composes, orders marks, and leaves compatibility characters alone") {
    const Normalizer nfc = of(UnicodeForm::kNfc);
    CHECK(apply(nfc, "cafe\u0301") == "caf\u00e9");
    CHECK(apply(nfc, "\u1112\u1161\u11ab") == "\ud55c");
    CHECK(apply(nfc, "a\u0301\u0323") == "\u1ea1\u0301");
    CHECK(apply(nfc, "\ufb01") == "\ufb01");
    CHECK(apply(nfc, "\u212b") == "\u00c5");
    CHECK(apply(nfc, std::string("a\0e\u0301", 5)) == std::string("a\0\u00e9", 4));
    CHECK(apply(nfc, "").empty());
  }

  TEST_CASE("apply: NFC of a whole text is that of its decomposition, wherever its characters change") {
    const std::vector<std::string> characters = {"a",      "e",      "\u00e9", "\u0301", "\u0323", "\u00c5",
                                                 "\u212b", "\u1100", "\u1161", "\u11a8", "\uac00", "\uac01",
                                                 "\u304b", "\u3099", "\u304c", "\u0627", "\u0653", "\u0622",
                                                 "\u0415", "\u0308", "\u0401", "\u4f60", "\uf900", "\u2126"};
    const Normalizer nfc = of(UnicodeForm::kNfc);
    const Normalizer nfd = of(UnicodeForm::kNfd);
    SplitMix64 random(8);
    for (int round = 0; round < 3000; ++round) {
      std::string text;
      for (auto size = random.below(9); size > 0; --size) text += characters[random.below(characters.size())];
      // Composed anew from what is decomposed and in order, also with an unstable character before all.
      CHECK(apply(nfc, apply(nfd, text)) == apply(nfc, text));
      CHECK(apply(nfc, "\u2126" + apply(nfd, text)) == apply(nfc, "\u2126" + text));
      CHECK(apply(nfd, apply(nfc, text)) == apply(nfd, text));
      CHECK(apply(nfc, apply(nfc, text)) == apply(nfc, text));
    }
  }

  TEST_CASE("apply: the other Unicode forms") {
    CHECK(apply(of(UnicodeForm::kNfd), "\u00e9\ufb01") == "e\u0301\ufb01");
    CHECK(apply(of(UnicodeForm::kNfkc), "e\u0301\ufb01") == "\u00e9fi");
    CHECK(apply(of(UnicodeForm::kNfkd), "\u00e9\ufb01") == "e\u0301fi");
  }

  TEST_CASE("apply: every Unicode form of a text is what utf8proc makes of it") {
    const Normalizer nfc = of(UnicodeForm::kNfc);
    const Normalizer nfd = of(UnicodeForm::kNfd);
    const Normalizer nfkc = of(UnicodeForm::kNfkc);
    const Normalizer nfkd = of(UnicodeForm::kNfkd);
    SplitMix64 random(9);
    for (int round = 0; round < 20'000; ++round) {
      std::string text;
      for (auto size = random.below(20); size > 0; --size) text += random_character(random);
      CAPTURE(text);
      CHECK(apply(nfc, text) == mapped_by_utf8proc(text, UTF8PROC_COMPOSE));
      CHECK(apply(nfd, text) == mapped_by_utf8proc(text, UTF8PROC_DECOMPOSE));
      CHECK(apply(nfkc, text) == mapped_by_utf8proc(text, UTF8PROC_COMPOSE | UTF8PROC_COMPAT));
      CHECK(apply(nfkd, text) == mapped_by_utf8proc(text, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT));
    }
  }

  TEST_CASE("apply: the longest decomposition") {
    const Normalizer nfkd = of(UnicodeForm::kNfkd);
    const std::string longest = "\uFDFA";
    CHECK(apply(nfkd, longest) == mapped_by_utf8proc(longest, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT));
  }

  TEST_CASE("apply: a prefix goes before text, a replacement in place of every match") {
    CHECK(apply(of(PrependText{"_"}), "a") == "_a");
    CHECK(apply(of(PrependText{"_"}), "").empty());
    CHECK(apply(of(ReplaceText{Regex::of_literal(" ").value(), "__"}), " a  b ") == "__a____b__");
    CHECK(apply(of(ReplaceText{Regex::compile("b*").value(), "-"}), "abbc") == "-a-c-");
  }

  TEST_CASE("apply: trust follows the text through replacements") {
    const Normalizer normalizer = of(ReplaceText{Regex::of_literal("ab").value(), "xyz"});
    RegexMatcher matcher;
    const auto trusted_of = [&](std::string text, std::vector<TextRange> trusted) {
      return normalizer.apply({std::move(text), std::move(trusted)}, matcher)->trusted;
    };
    using Ranges = std::vector<TextRange>;
    CHECK(trusted_of("abcab", {{0, 5}}) == Ranges{{0, 7}});
    CHECK(trusted_of("abcab", {{2, 3}}) == Ranges{{3, 4}});
    CHECK(trusted_of("abcab", {{0, 2}, {3, 5}}) == Ranges{{0, 3}, {4, 7}});
    CHECK(trusted_of("abcab", {{1, 4}}) == Ranges{{3, 4}});  // Half of what was replaced is not enough.
    CHECK(trusted_of("abcab", {{1, 2}}).empty());
    CHECK(trusted_of("cc", {{0, 1}}) == Ranges{{0, 1}});
    const auto prefixed = of(PrependText{"__"}).apply({"abc", {{0, 1}, {2, 3}}}, matcher);
    CHECK(prefixed->trusted == Ranges{{0, 3}, {4, 5}});
  }

  TEST_CASE("apply: a text that grows beyond the limit is refused") {
    const Normalizer normalizer = of(ReplaceText{Regex::of_literal("a").value(), std::string(256, 'b')});
    RegexMatcher matcher;
    const auto refused = normalizer.apply({std::string(kNormalizedBytesMax / 256 + 1, 'a'), {}}, matcher);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kInvalidRequest);
  }

  TEST_CASE("apply: no step changes nothing") {
    const Normalizer none;
    CHECK(none.is_identity());
    CHECK(apply(none, "cafe\u0301") == "cafe\u0301");
  }
}

}  // namespace
}  // namespace sluice
