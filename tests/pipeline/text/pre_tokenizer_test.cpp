#include "pipeline/text/pre_tokenizer.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(std::initializer_list<std::string_view> patterns, std::string_view text) {
  std::vector<Regex> splits;
  for (const std::string_view pattern : patterns) {
    auto regex = Regex::compile(pattern);
    REQUIRE(regex.ok());
    splits.push_back(std::move(*regex));
  }
  const PreTokenizer pre_tokenizer(std::move(splits));
  RegexMatcher matcher;
  std::vector<std::string_view> pieces;
  REQUIRE(pre_tokenizer.split(text, matcher, pieces).ok());
  return {pieces.begin(), pieces.end()};
}

TEST_SUITE("pipeline/text/pre_tokenizer") {
  TEST_CASE("split: matches and what lies between them are pieces") {
    CHECK(split({"\\d+"}, "ab12c345") == Pieces{"ab", "12", "c", "345"});
    CHECK(split({"\\d"}, "12") == Pieces{"1", "2"});
    CHECK(split({"x"}, "abc") == Pieces{"abc"});
    CHECK(split({"x"}, "").empty());
    CHECK(split({}, "abc") == Pieces{"abc"});
  }

  TEST_CASE("split: each expression sees only the piece that the one before left") {
    CHECK(split({"\\d", "a+(?!\\S)|a"}, "aa1aa") == Pieces{"aa", "1", "aa"});
    CHECK(split({"a+(?!\\S)|a"}, "aa1aa") == Pieces{"a", "a", "1", "aa"});
  }

  TEST_CASE("split: an empty match is a border, but not right behind another match") {
    CHECK(split({"x*"}, "abc") == Pieces{"a", "b", "c"});
    CHECK(split({"x*"}, "axxb") == Pieces{"a", "xx", "b"});
    CHECK(split({"(?=b)"}, "abab") == Pieces{"a", "ba", "b"});
    CHECK(split({"x*"}, "\u00e9\u00e9") == Pieces{"\u00e9", "\u00e9"});
  }
}

}  // namespace
}  // namespace sluice
