#include "pipeline/text/stop_matcher.h"

#include <doctest/doctest.h>

#include "base/random.h"

namespace sluice {
namespace {

StopMatcher matcher_of(std::vector<std::string> stop_strings) {
  auto matcher = StopMatcher::create(std::move(stop_strings));
  REQUIRE(matcher.ok());
  return std::move(*matcher);
}

struct Outcome {
  std::string text;
  std::optional<StopMatch> match;

  friend bool operator==(const Outcome&, const Outcome&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
    out << '"' << outcome.text << '"';
    if (outcome.match) out << " stop " << outcome.match->stop_index << " tokens " << outcome.match->output_tokens;
    return out;
  }
};

// `pieces[i]` is the text of token i.
Outcome stream(const std::vector<std::string>& stop_strings, const std::vector<std::string>& pieces) {
  StopMatcher matcher = matcher_of(stop_strings);
  Outcome outcome;
  for (std::size_t token = 0; token < pieces.size(); ++token) {
    StopScan scan = matcher.feed(pieces[token], token);
    outcome.text += scan.text;
    if (!scan.match) continue;
    outcome.match = scan.match;
    CHECK(matcher.finish().empty());
    return outcome;
  }
  outcome.text += matcher.finish();
  return outcome;
}

// By the definition: the first byte with which any stop string is complete; of those, the longest.
Outcome search(const std::vector<std::string>& stop_strings, const std::vector<std::string>& pieces) {
  std::string text;
  std::vector<std::uint64_t> token_of;
  for (std::size_t token = 0; token < pieces.size(); ++token) {
    text += pieces[token];
    token_of.resize(text.size(), token);
  }
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::optional<std::size_t> longest;
    for (std::size_t i = 0; i < stop_strings.size(); ++i) {
      if (!std::string_view(text).substr(0, end).ends_with(stop_strings[i])) continue;
      if (!longest || stop_strings[i].size() > stop_strings[*longest].size()) longest = i;
    }
    if (!longest) continue;
    const std::size_t begin = end - stop_strings[*longest].size();
    std::uint64_t output_tokens = token_of[begin];
    for (std::size_t i = 0; i < begin; ++i) {
      if (token_of[i] == token_of[begin]) output_tokens = token_of[begin] + 1;
    }
    return {text.substr(0, begin), StopMatch{output_tokens, *longest}};
  }
  return {text, std::nullopt};
}

TEST_SUITE("pipeline/text/stop_matcher") {
  TEST_CASE("feed: text that may begin a match waits, text that no longer can goes out") {
    StopMatcher matcher = matcher_of({"stop"});
    CHECK(matcher.feed("a st", 0).text == "a ");
    CHECK(matcher.feed("o", 1).text.empty());
    CHECK(matcher.feed("ne s", 2).text == "stone ");
    CHECK(matcher.finish() == "s");
  }

  TEST_CASE("feed: a match over token borders gives the text before it and the tokens that count") {
    CHECK(stream({"stop"}, {"one ", "st", "op", " two"}) == Outcome{"one ", StopMatch{1, 0}});
    CHECK(stream({"stop"}, {"one ", "x st", "op"}) == Outcome{"one x ", StopMatch{2, 0}});
    CHECK(stream({"stop"}, {"stop"}) == Outcome{"", StopMatch{0, 0}});
    CHECK(stream({"stop"}, {"a", "", "", "stop"}) == Outcome{"a", StopMatch{3, 0}});
    CHECK(stream({"aab"}, {"a", "a", "a", "b"}) == Outcome{"a", StopMatch{1, 0}});
  }

  TEST_CASE("feed: the match that is complete first wins, then the longest") {
    CHECK(stream({"abcdef", "cd"}, {"abcdef"}) == Outcome{"ab", StopMatch{1, 1}});
    CHECK(stream({"cd", "abcd"}, {"xabcd"}) == Outcome{"x", StopMatch{1, 1}});
    CHECK(stream({"b", "b"}, {"ab"}) == Outcome{"a", StopMatch{1, 0}});
  }

  TEST_CASE("create: absurd stop lists are refused") {
    CHECK(StopMatcher::create({""}).error().code == ErrorCode::kInvalidRequest);
    CHECK_FALSE(StopMatcher::create({std::string(257, 'x')}).ok());
    CHECK_FALSE(StopMatcher::create({"\xC3"}).ok());
    CHECK_FALSE(StopMatcher::create(std::vector<std::string>(17, "x")).ok());
    CHECK(StopMatcher::create(std::vector<std::string>(16, std::string(256, 'x'))).ok());
    CHECK(stream({}, {"all", " of it"}) == Outcome{"all of it", std::nullopt});
  }

  TEST_CASE("property: every split of a text into tokens gives what a search over the whole gives") {
    const std::vector<std::pair<std::vector<std::string>, std::string>> examples = {{{"aab", "ba"}, "aaaabab"},
                                                                                    {{"\n\nUser", "\n\n"}, "hi\n\nUse"},
                                                                                    {{"abab", "bb"}, "aabaabb"},
                                                                                    {{"xyz"}, "xyxyxyxy"}};
    for (const auto& [stop_strings, text] : examples) {
      for (std::uint32_t cuts = 0; cuts < (1U << (text.size() - 1)); ++cuts) {
        std::vector<std::string> pieces = {""};
        for (std::size_t i = 0; i < text.size(); ++i) {
          pieces.back() += text[i];
          if (((cuts >> i) & 1U) != 0) pieces.emplace_back();
        }
        CHECK(stream(stop_strings, pieces) == search(stop_strings, pieces));
      }
    }
  }

  TEST_CASE("property: random texts, stop strings and splits agree with a search") {
    SplitMix64 random(7);
    const auto draw = [&](std::uint64_t size_max) {
      std::string text;
      const auto size = 1 + random.below(size_max);
      for (std::uint64_t i = 0; i < size; ++i) text += static_cast<char>('a' + random.below(2));
      return text;
    };
    for (int round = 0; round < 3000; ++round) {
      std::vector<std::string> stop_strings;
      const auto num_strings = 1 + random.below(4);
      for (std::uint64_t i = 0; i < num_strings; ++i) {
        std::string stop_string = draw(8);
        if (i == 0) stop_string += 'b';
        stop_strings.push_back(std::move(stop_string));
      }
      std::vector<std::string> pieces;
      const auto num_pieces = random.below(10);
      for (std::uint64_t i = 0; i < num_pieces; ++i) pieces.push_back(random.below(4) == 0 ? "" : draw(4));
      CHECK(stream(stop_strings, pieces) == search(stop_strings, pieces));
    }
  }
}

}  // namespace
}  // namespace sluice
