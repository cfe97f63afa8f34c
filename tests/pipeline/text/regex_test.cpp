#include "pipeline/text/regex.h"

#include <doctest/doctest.h>

#include "pipeline/text/regex_syntax.h"

namespace sluice {
namespace {

std::optional<TextRange> first_match(std::string_view pattern, std::string_view text, std::size_t start = 0) {
  const auto regex = Regex::compile(pattern);
  REQUIRE_MESSAGE(regex.ok(), (regex.ok() ? "" : regex.error().message));
  RegexMatcher matcher;
  const auto found = matcher.find(*regex, text, start);
  REQUIRE(found.ok());
  return *found;
}

TEST_SUITE("pipeline/text/regex") {
  TEST_CASE("find: classes follow Unicode") {
    CHECK(first_match("\\p{L}+", "1\u0434\u4f60x2") == TextRange{1, 7});
    CHECK(first_match("\\p{N}{1,3}", "x\u0661\u06622345") == TextRange{1, 6});
    CHECK(first_match("(?i:'S)", "a's") == TextRange{1, 3});
    CHECK(first_match("\\d+", "\u0661a") == TextRange{0, 2});
    CHECK(first_match("\\u0041|\\x{42}", "xB") == TextRange{1, 2});
    CHECK(first_match("a", "bbb") == std::nullopt);
    CHECK(first_match("a", "aba", 1) == TextRange{2, 3});
  }

  TEST_CASE("find: white space is Unicode's, without U+180E") {
    for (const std::string_view space :
         {" ", "\t", "\x0B", "\u0085", "\u00A0", "\u1680", "\u2003", "\u2028", "\u202F", "\u3000"}) {
      CHECK(first_match("\\s", space).has_value());
      CHECK(first_match("[x\\s]", space).has_value());
      CHECK_FALSE(first_match("\\S", space).has_value());
      CHECK_FALSE(first_match("[^\\s]", space).has_value());
      CHECK_FALSE(first_match("[\\S]", space).has_value());
    }
    for (const std::string_view other : {"\u180E", "\u200B", "\x1F", "a", "\uFEFF"}) {
      CHECK_FALSE(first_match("\\s", other).has_value());
      CHECK_FALSE(first_match("[x\\s]", other).has_value());
      CHECK(first_match("\\S", other).has_value());
      CHECK(first_match("[^\\s]", other).has_value());
      CHECK(first_match("[^\\S]|[\\S]", other).has_value());
    }
  }

  TEST_CASE("find: anchors hold at every line, a literal is not an expression") {
    CHECK(first_match("a$", "xa\nb") == TextRange{1, 2});
    CHECK(first_match("\\s+$", "a  \n b ") == TextRange{1, 3});
    CHECK(first_match("^b", "a\nb") == TextRange{2, 3});
    CHECK(first_match("^", "\n", 1) == std::nullopt);
    const auto literal = Regex::of_literal("a.(");
    REQUIRE(literal.ok());
    RegexMatcher matcher;
    CHECK(*matcher.find(*literal, "axa.(", 0) == TextRange{2, 5});
  }

  TEST_CASE("find: word characters and scripts are Oniguruma's") {
    CHECK(first_match("\\w+", " a\u0301\u203f1\u2167 ") == TextRange{1, 11});
    CHECK(first_match("\\W", "a\u00bd") == TextRange{1, 3});
    CHECK(first_match("[\\w-]+", "!a-b!") == TextRange{1, 4});
    CHECK(first_match("\\p{Han}", "\u4f60") == TextRange{0, 3});
    CHECK(first_match("\\p{Han}", "\u3001") == std::nullopt);  // Common, though used with Han.
    CHECK(first_match("\\P{Greek}", "\u03b1a") == TextRange{2, 3});
    CHECK(first_match("\\p{^Letter}", "a1") == TextRange{1, 2});
    CHECK(first_match("\\p{Lowercase_Letter}", "Aa") == TextRange{1, 2});
    CHECK(first_match("\\p{Any}", "a") == TextRange{0, 1});
  }

  TEST_CASE("compile: the published pre-tokenizers are taken") {
    for (
        const std::string_view pattern :
        {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
         R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s+(?!\S)|\s+)",
         "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", R"([^\r\n\p{L}\p{N}]?+\p{L}+)"}) {
      CHECK(Regex::compile(pattern).ok());
    }
  }

  TEST_CASE("to_pcre2_syntax: what means something else in PCRE2 is refused by name") {
    for (const std::string_view pattern :
         {"[\\W]", "\\p{L1}",    "\\b",   "\\h",  "\\v",    "\\R",     "\\X",     "\\K",     "\\x41",   "\\1",
          "\\pL",  "\\p{L",      "\\u12", "\\",   "[a[b]]", "[a&&b]",  "[]a]",    "[^]a]",   "[a",      "(*ACCEPT)",
          "(?i)a", "(?<name>a)", "(?#x)", "(?R)", "a{,3}",  "a{1,3}+", "[a-\\s]", "[\\s-a]", "\\\u00e9"}) {
      CAPTURE(pattern);
      const auto translated = to_pcre2_syntax(pattern);
      REQUIRE_FALSE(translated.ok());
      CHECK(translated.error().code == ErrorCode::kModelLoadFailed);
      CHECK(translated.error().message.find("not supported") != std::string::npos);
    }
    CHECK(*to_pcre2_syntax("a{1,3}|[{,]{2}|x{y}") == "a{1,3}|[{,]{2}|x{y}");
  }

  TEST_CASE("find: a match that explodes is an error") {
    const auto regex = Regex::compile("(a+)+(?=b)");
    REQUIRE(regex.ok());
    RegexMatcher matcher;
    const auto found = matcher.find(*regex, std::string(100, 'a'), 0);
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == ErrorCode::kInvalidRequest);
    CHECK(matcher.find(*regex, "aab", 0).ok());
  }
}

}  // namespace
}  // namespace sluice
