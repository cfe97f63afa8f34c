#include "pipeline/text/output_text.h"

#include <doctest/doctest.h>

#include "base/random.h"
#include "tests/pipeline/text/storyteller.h"

namespace sluice {
namespace {

using test::storyteller;

OutputText output_of(const Tokenizer& tokenizer, std::vector<std::string> stop_strings) {
  auto output = OutputText::create(tokenizer, std::move(stop_strings));
  REQUIRE(output.ok());
  return std::move(*output);
}

TEST_SUITE("pipeline/text/output_text") {
  TEST_CASE("push: a stop character that tokens share counts for the token that began it") {
    const auto tokenizer = test::load(test::byte_tokenizer_json());
    OutputText output = output_of(*tokenizer, {"\u20AC"});
    CHECK(output.push('x').text == "x");
    CHECK(output.push(0xE2).text.empty());
    CHECK(output.push(0x82).text.empty());
    const StopScan scan = output.push(0xAC);
    REQUIRE(scan.match.has_value());
    CHECK(scan.text.empty());
    CHECK(scan.match->output_tokens == 1);
  }

  TEST_CASE("push: a token that gave text before the match counts") {
    const auto tokenizer = test::load(test::byte_tokenizer_json({{"x", "\u00E2"}}));  // "x" and byte E2.
    OutputText output = output_of(*tokenizer, {"\u20AC"});
    CHECK(output.push(256).text == "x");
    CHECK(output.push(0x82).text.empty());
    const StopScan scan = output.push(0xAC);
    REQUIRE(scan.match.has_value());
    CHECK(scan.match->output_tokens == 1);
  }

  TEST_CASE("finish: what waited for a stop string and half a character come out") {
    const auto tokenizer = test::load(test::byte_tokenizer_json());
    OutputText output = output_of(*tokenizer, {"stop"});
    CHECK(output.push('s').text.empty());
    CHECK(output.push('t').text.empty());
    CHECK(output.push(0xF0).text.empty());
    const StopScan last = output.finish();
    CHECK(last.text == "st\uFFFD");
    CHECK_FALSE(last.match.has_value());
    CHECK(output.num_tokens() == 3);
  }

  TEST_CASE("finish: the last replacement character may complete a stop string") {
    const auto tokenizer = test::load(test::byte_tokenizer_json());
    OutputText output = output_of(*tokenizer, {"b\uFFFD"});
    CHECK(output.push('a').text == "a");
    CHECK(output.push('b').text.empty());
    CHECK(output.push(0xF0).text.empty());
    const StopScan last = output.finish();
    CHECK(last.text.empty());
    CHECK(last.match == StopMatch{1, 0});
  }

  TEST_CASE("property: the text that comes out is the decoded text up to the first stop string") {
    SplitMix64 random(9);
    for (int round = 0; round < 300; ++round) {
      std::vector<TokenId> ids;
      for (int i = 0; i < 30; ++i) ids.push_back(static_cast<TokenId>(random.below(4096)));
      const std::string whole = storyteller().decode(ids);
      const std::string stop(1, static_cast<char>('a' + random.below(26)));
      OutputText output = output_of(storyteller(), {stop + "e", "th"});
      std::string text;
      std::optional<StopMatch> match;
      for (std::size_t i = 0; i < ids.size() && !match; ++i) {
        StopScan scan = output.push(ids[i]);
        text += scan.text;
        match = scan.match;
        if (match) CHECK(match->output_tokens <= i + 1);
      }
      if (!match) text += output.finish().text;
      const std::size_t found = std::min(whole.find(stop + "e"), whole.find("th"));
      CHECK(match.has_value() == (found != std::string::npos));
      CHECK(text == whole.substr(0, found));
    }
  }
}

}  // namespace
}  // namespace sluice
