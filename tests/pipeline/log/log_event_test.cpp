#include "pipeline/log/log_event.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

std::string quoted(std::string_view text, std::size_t bytes_max = LogEvent::kValueBytesMax) {
  std::string out;
  append_quoted(text, bytes_max, out);
  return out;
}

TEST_SUITE("pipeline/log/log_event") {
  TEST_CASE("an event is its actor, its sentence and its fields in their order") {
    const LogEvent event =
        LogEvent(LogLevel::kInfo, "ingress", "request accepted").with("id", "a").with("sequence", 17u).with("age", -1);

    CHECK(event.level() == LogLevel::kInfo);
    CHECK(event.payload() == "ingress\x1frequest accepted\x1fid=\"a\" sequence=17 age=-1");
  }

  TEST_CASE("values: quotes and backslashes are escaped, other text stays as it is") {
    CHECK(quoted("plain") == "\"plain\"");
    CHECK(quoted("") == "\"\"");
    CHECK(quoted("a \"b\" \\") == R"("a \"b\" \\")");
    CHECK(quoted("größer 日本 😀") == "\"größer 日本 😀\"");
  }

  TEST_CASE("values: what could end a line or control a terminal is written out") {
    CHECK(quoted("a\nb\r\tc") == R"("a\nb\r\tc")");
    CHECK(quoted("\x1b[2J") == R"("\u001b[2J")");
    CHECK(quoted(std::string("\0\x1f\x7f", 3)) == R"("\u0000\u001f\u007f")");
    CHECK(quoted("\xc2\x9b"
                 "31m") == R"("\u009b31m")");  // C1: another spelling of ESC [.
    CHECK(quoted("\xe2\x80\xae"
                 "evil") == R"("\u202eevil")");  // Right-to-left override.
    CHECK(quoted("\xe2\x80\xa8"
                 "line") == R"("\u2028line")");  // Line separator.
  }

  TEST_CASE("values: bytes that are no UTF-8 are replaced") {
    CHECK(quoted("a\xff"
                 "b") ==
          "\"a\xef\xbf\xbd"
          "b\"");
    CHECK(quoted("cut \xe2\x82") == "\"cut \xef\xbf\xbd\"");
    CHECK(quoted("\xc0\x8a") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");  // An overlong line feed.
  }

  TEST_CASE("values: all bytes, alone and in pairs, leave no control character and end with their quote") {
    for (int first = 0; first < 256; ++first) {
      for (int second = 0; second < 256; ++second) {
        const std::string text{static_cast<char>(first), static_cast<char>(second)};
        const std::string out = quoted(text);
        bool is_escaped = false;
        std::size_t end = 0;
        for (std::size_t i = 1; i < out.size() && end == 0; ++i) {
          const auto byte = static_cast<unsigned char>(out[i]);
          if (byte < 0x20 || byte == 0x7f) FAIL(first << " " << second);
          if (!is_escaped && byte == '"') end = i;
          is_escaped = !is_escaped && byte == '\\';
        }
        if (end != out.size() - 1) FAIL(first << " " << second);
      }
    }
  }

  TEST_CASE("values: a long one is cut at a whole character or escape, and says so") {
    CHECK(quoted("aaaaaaaaaaaa", 10) == "\"aaaaa...\"");
    CHECK(quoted("\x01\x02\x03", 13) == R"("\u0001\u0002...")");
    CHECK(quoted("日本語日本語", 12) == "\"日本語...\"");
    CHECK(quoted(std::string(100'000, '\x1b')).size() < LogEvent::kValueBytesMax + 6);
  }
}

}  // namespace
}  // namespace sluice
