#include "pipeline/text/added_tokens.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace sluice {
namespace {

using Sections = std::vector<TextSection>;

Sections split(const AddedTokens& tokens, std::string_view text, const std::vector<TextRange>& trusted) {
  RegexMatcher matcher;
  return tokens.split(text, trusted, matcher);
}

Sections split_all(const AddedTokens& tokens, std::string_view text) {
  return split(tokens, text, {{0, text.size()}});
}

AddedTokens three() {
  AddedTokens tokens;
  tokens.add({"<a>", 1});
  tokens.add({"<a><b>", 2});
  tokens.add({"b><", 3});
  return tokens;
}

TEST_SUITE("pipeline/text/added_tokens") {
  TEST_CASE("split: the leftmost, then the longest") {
    const AddedTokens tokens = three();
    CHECK(split_all(tokens, "<a><b>") == Sections{{{0, 6}, 2}});
    CHECK(split_all(tokens, "<a><b") == Sections{{{0, 3}, 1}, {{3, 5}, kNoToken}});
    CHECK(split_all(tokens, "x<b><a>") == Sections{{{0, 2}, kNoToken}, {{2, 5}, 3}, {{5, 7}, kNoToken}});
    CHECK(split_all(tokens, "<<a>") == Sections{{{0, 1}, kNoToken}, {{1, 4}, 1}});
    CHECK(split_all(tokens, "").empty());
    CHECK(split_all(AddedTokens(), "ab") == Sections{{{0, 2}, kNoToken}});
  }

  TEST_CASE("split: a token lies wholly within one trusted range") {
    const AddedTokens tokens = three();
    const std::string_view text = "<a><b><a>";
    CHECK(split(tokens, text, {}) == Sections{{{0, 9}, kNoToken}});
    CHECK(split(tokens, text, {{0, 5}}) == Sections{{{0, 3}, 1}, {{3, 9}, kNoToken}});
    CHECK(split(tokens, text, {{1, 9}}) == Sections{{{0, 4}, kNoToken}, {{4, 7}, 3}, {{7, 9}, kNoToken}});
    CHECK(split(tokens, text, {{0, 2}, {6, 9}}) == Sections{{{0, 6}, kNoToken}, {{6, 9}, 1}});
  }

  TEST_CASE("split: a token takes the white space beside it where it says so") {
    AddedTokens tokens;
    tokens.add({"<l>", 1, true, false});
    tokens.add({"<r>", 2, false, true});
    CHECK(split_all(tokens, "a \u3000<l> b") == Sections{{{0, 1}, kNoToken}, {{1, 8}, 1}, {{8, 10}, kNoToken}});
    CHECK(split_all(tokens, "a <r> \n b") == Sections{{{0, 2}, kNoToken}, {{2, 8}, 2}, {{8, 9}, kNoToken}});
    CHECK(split_all(tokens, "<r> <l>") == Sections{{{0, 4}, 2}, {{4, 7}, 1}});
  }

  TEST_CASE("split: a token in white space that another takes is there all the same") {
    AddedTokens tokens;
    tokens.add({"<r>", 2, false, true});
    tokens.add({"  ", 3});
    CHECK(split_all(tokens, "<r>   b") == Sections{{{0, 6}, 2}, {{3, 5}, 3}, {{5, 7}, kNoToken}});
  }

  TEST_CASE("split: a token that is white space itself, on either side, in a megabyte of it") {
    constexpr std::size_t kSpaces = 1'000'000;
    const std::string text = std::string(kSpaces, ' ') + "a";
    for (const bool is_left : {true, false}) {
      AddedTokens tokens;
      tokens.add({" ", 1, is_left, !is_left});
      const Sections sections = split_all(tokens, text);
      REQUIRE(sections.size() == kSpaces + 1);
      const bool are_all_there = std::all_of(sections.begin(), sections.end() - 1, [&](const TextSection& section) {
        return section.id == 1 && section.range.end == (is_left ? section.range.begin + 1 : kSpaces);
      });
      CHECK(are_all_there);
      CHECK(sections.back() == TextSection{{kSpaces, kSpaces + 1}, kNoToken});
    }
  }

  TEST_CASE("split: a single word is not found within a word") {
    AddedTokens tokens;
    tokens.add({"word", 1, false, false, true});
    CHECK(split_all(tokens, "word") == Sections{{{0, 4}, 1}});
    CHECK(split_all(tokens, "(word)") == Sections{{{0, 1}, kNoToken}, {{1, 5}, 1}, {{5, 6}, kNoToken}});
    for (const std::string_view text : {"words", "\u00e9word", "word_", "word1", "word\u0301", "word\u200d"}) {
      CHECK(split_all(tokens, text) == Sections{{{0, text.size()}, kNoToken}});
    }
  }
}

}  // namespace
}  // namespace sluice
