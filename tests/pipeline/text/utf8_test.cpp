#include "pipeline/text/utf8.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

std::string lossy(std::string_view bytes) {
  std::string text;
  append_lossy_utf8(bytes, text);
  return text;
}

// UTF-8 of a code point.
std::string encoded(char32_t c) {
  const auto continuation = [c](unsigned shift) { return static_cast<char>(0x80U | ((c >> shift) & 0x3FU)); };
  std::string text;
  if (c < 0x80) {
    text.push_back(static_cast<char>(c));
    return text;
  }
  if (c < 0x800) {
    text.push_back(static_cast<char>(0xC0U | (c >> 6)));
  } else if (c < 0x10000) {
    text.push_back(static_cast<char>(0xE0U | (c >> 12)));
    text.push_back(continuation(6));
  } else {
    text.push_back(static_cast<char>(0xF0U | (c >> 18)));
    text.push_back(continuation(12));
    text.push_back(continuation(6));
  }
  text.push_back(continuation(0));
  return text;
}

TEST_SUITE("pipeline/text/utf8") {
  TEST_CASE("next_utf8: borders of every length") {
    for (const char32_t c : {0x0U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xD7FFU, 0xE000U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
      const std::string text = encoded(c);
      const Utf8Step step = next_utf8(text);
      CHECK(step.kind == Utf8Kind::kCharacter);
      CHECK(step.size_bytes == text.size());
      CHECK(step.code_point == c);
      for (std::size_t size = 1; size < text.size(); ++size) {
        const Utf8Step cut = next_utf8(std::string_view(text).substr(0, size));
        CHECK(cut.kind == Utf8Kind::kIncomplete);
        CHECK(cut.size_bytes == size);
      }
    }
  }

  TEST_CASE("append_lossy_utf8: one replacement for each maximal part, as Rust and Unicode have it") {
    CHECK(lossy("a\xFF"
                "b") == "a\uFFFDb");
    CHECK(lossy("\xC0\x80") == "\uFFFD\uFFFD");
    CHECK(lossy("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");
    CHECK(lossy("\xE2\x82") == "\uFFFD");
    CHECK(lossy("\xE2\x82\xE2\x82\xAC") == "\uFFFD\u20AC");
    CHECK(lossy("\xF0\x90\x80"
                "a") == "\uFFFDa");
    CHECK(lossy("\xF0\x80\x80\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD");
    CHECK(lossy("\xF4\x90\x80\x80") == "\uFFFD\uFFFD\uFFFD\uFFFD");
    // The example of the Unicode standard, table 3-11.
    CHECK(lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == "\uFFFD\uFFFD\uFFFD\uFFFDA");
  }

  TEST_CASE("white space: Unicode's, and Python's with four controls more") {
    CHECK(is_white_space(0x85));
    CHECK(is_white_space(0x3000));
    CHECK_FALSE(is_white_space(0x180E));
    CHECK_FALSE(is_white_space(0x200B));
    CHECK_FALSE(is_white_space(0x1C));
    CHECK(strip_python(" \t\x1F\u00A0\u2028x y\u3000\n") == "x y");
    CHECK(strip_python("\u180Ex\u180E") == "\u180Ex\u180E");
    CHECK(strip_python(" \u3000 ").empty());
    CHECK(strip_python("").empty());
  }
}

}  // namespace
}  // namespace sluice
