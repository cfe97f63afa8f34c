#include "pipeline/text/pre_tokenizer.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(std::initializer_list<std::string_view> patterns, std::string_view text) {
  std::vector<PreTokenizerStep> splits;
  for (const std::string_view pattern : patterns) {
    auto regex = Regex::compile(pattern);
    REQUIRE(regex.ok());
    splits.push_back(SplitStep{std::move(*regex)});
  }
  const PreTokenizer pre_tokenizer(std::move(splits));
  PreTokenizerScratch scratch;
  std::vector<std::string_view> pieces;
  REQUIRE(pre_tokenizer.split(text, /*is_at_start=*/true, scratch, pieces).ok());
  return {pieces.begin(), pieces.end()};
}

Pieces split_by(PreTokenizerStep step, std::string_view text, bool is_at_start = true) {
  std::vector<PreTokenizerStep> steps;
  steps.push_back(std::move(step));
  PreTokenizerScratch scratch;
  std::vector<std::string_view> pieces;
  REQUIRE(PreTokenizer(std::move(steps)).split(text, is_at_start, scratch, pieces).ok());
  return {pieces.begin(), pieces.end()};
}

Pieces split_at(std::string_view pattern, SplitBehavior behavior, std::string_view text, bool is_inverted = false) {
  auto regex = Regex::compile(pattern);
  REQUIRE(regex.ok());
  return split_by(SplitStep{std::move(*regex), behavior, is_inverted}, text);
}

TEST_SUITE("pipeline/text/pre_tokenizer") {
  TEST_CASE("split: what becomes of delimiters is the behavior's choice") {
    constexpr std::string_view kText = "the-final--countdown-";
    CHECK(split_at("-", SplitBehavior::kRemoved, kText) == Pieces{"the", "final", "countdown"});
    CHECK(split_at("-", SplitBehavior::kIsolated, kText) == Pieces{"the", "-", "final", "-", "-", "countdown", "-"});
    CHECK(split_at("-", SplitBehavior::kMergedWithPrevious, kText) == Pieces{"the-", "final-", "-", "countdown-"});
    CHECK(split_at("-", SplitBehavior::kMergedWithNext, kText) == Pieces{"the", "-final", "-", "-countdown", "-"});
    CHECK(split_at("-", SplitBehavior::kContiguous, kText) == Pieces{"the", "-", "final", "--", "countdown", "-"});
    CHECK(split_at("[a-z]+", SplitBehavior::kRemoved, kText, true) == Pieces{"the", "final", "countdown"});
    CHECK(split_at("[a-z]+", SplitBehavior::kMergedWithNext, "-a", true) == Pieces{"-a"});
    CHECK(split_at("-", SplitBehavior::kMergedWithPrevious, "-a") == Pieces{"-", "a"});
    CHECK(split_at("-", SplitBehavior::kRemoved, "--").empty());
  }

  TEST_CASE("split: a Metaspace writes spaces as its character, and puts one where the scheme says so") {
    const auto with = [](PrependScheme scheme, bool is_split) { return MetaspaceStep{"_", scheme, is_split}; };
    CHECK(split_by(with(PrependScheme::kAlways, true), "a  b") == Pieces{"_a", "_", "_b"});
    CHECK(split_by(with(PrependScheme::kAlways, false), "a  b") == Pieces{"_a__b"});
    CHECK(split_by(with(PrependScheme::kAlways, false), " a") == Pieces{"_a"});
    CHECK(split_by(with(PrependScheme::kAlways, false), "_a") == Pieces{"_a"});
    CHECK(split_by(with(PrependScheme::kFirst, true), "a b", true) == Pieces{"_a", "_b"});
    CHECK(split_by(with(PrependScheme::kFirst, true), "a b", false) == Pieces{"a", "_b"});
    CHECK(split_by(with(PrependScheme::kNever, true), "a b ") == Pieces{"a", "_b", "_"});
    CHECK(split_by(SpacePrefixStep{}, "a") == Pieces{" a"});
    CHECK(split_by(SpacePrefixStep{}, " a") == Pieces{" a"});
  }

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
