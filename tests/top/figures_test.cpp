#include "top/figures.h"

#include <doctest/doctest.h>

#include <limits>

namespace sluice::top {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST_SUITE("top/figures") {
  TEST_CASE("what is missing, or no number, is a dash") {
    for (auto* text : {count_text, rate_text, seconds_text, bytes_text, share_text}) {
      CHECK(text(std::nullopt) == "-");
      CHECK(text(kNan) == "-");
    }
  }

  TEST_CASE("counts") {
    CHECK(count_text(0) == "0");
    CHECK(count_text(9999) == "9999");
    CHECK(count_text(10000) == "10.0k");
    CHECK(count_text(123456) == "123k");
    CHECK(count_text(999999) == "1.00M");
    CHECK(count_text(-12) == "-12");
    CHECK(count_text(kInfinity) == ">1000000T");
  }

  TEST_CASE("rates") {
    CHECK(rate_text(0) == "0");
    CHECK(rate_text(0.001) == "<0.01");
    CHECK(rate_text(0.04) == "0.04");
    CHECK(rate_text(9.996) == "10.0");
    CHECK(rate_text(19.84) == "19.8");
    CHECK(rate_text(99.96) == "100");
    CHECK(rate_text(999.6) == "1000");
    CHECK(rate_text(12345) == "12.3k");
  }

  TEST_CASE("times") {
    CHECK(seconds_text(0) == "0 s");
    CHECK(seconds_text(85e-6) == "85.0 us");
    CHECK(seconds_text(999.7e-6) == "1.00 ms");
    CHECK(seconds_text(0.34) == "340 ms");
    CHECK(seconds_text(0.9997) == "1.00 s");
    CHECK(seconds_text(125) == "125 s");
    CHECK(seconds_text(kInfinity) == ">1000000 s");
  }

  TEST_CASE("bytes") {
    CHECK(bytes_text(0) == "0 B");
    CHECK(bytes_text(999) == "999 B");
    CHECK(bytes_text(1000) == "0.98 KiB");
    CHECK(bytes_text(64.0 * 1024 * 1024) == "64.0 MiB");
    CHECK(bytes_text(-1) == "0 B");
  }

  TEST_CASE("shares") {
    CHECK(share_text(0) == "0 %");
    CHECK(share_text(0.004) == "<1 %");
    CHECK(share_text(0.724) == "72 %");
    CHECK(share_text(1.3) == "100 %");
  }

  TEST_CASE("bars: whatever is above zero shows, and nothing leaves the brackets") {
    CHECK(bar(0, 0, 8) == "[        ]");
    CHECK(bar(0.5, 0.25, 8) == "[||||..  ]");
    CHECK(bar(0.001, 0.001, 8) == "[|.      ]");
    CHECK(bar(0.9, 0.5, 8) == "[|||||||.]");
    CHECK(bar(1, 0.5, 8) == "[||||||||]");
    CHECK(bar(kInfinity, kNan, 8) == "[||||||||]");
    CHECK(bar(kNan, -1, 8) == "[        ]");
    CHECK(bar(1, 1, 0) == "[]");
  }

  TEST_CASE("columns") {
    CHECK(left("ab", 4) == "ab  ");
    CHECK(right("ab", 4) == "  ab");
    CHECK(left("abcde", 4) == "abcde");
    CHECK(right("abcde", 4) == "abcde");
  }
}

}  // namespace
}  // namespace sluice::top
