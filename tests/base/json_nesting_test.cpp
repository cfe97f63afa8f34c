#include "base/json_nesting.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice {

TEST_SUITE("base/json_nesting") {
  TEST_CASE("json_nesting: brackets and braces that are open at once, those in strings are none") {
    CHECK(json_nesting("") == 0);
    CHECK(json_nesting("17") == 0);
    CHECK(json_nesting(R"({"a": [1, {}], "b": []})") == 3);
    CHECK(json_nesting("[[], [], [[]]]") == 3);
    CHECK(json_nesting(R"(["[[[[", "\"[[[[", "\\", []])") == 2);
    CHECK(json_nesting(std::string(100'000, '[')) == 100'000);
  }

  TEST_CASE("json_nesting: text that is no JSON has an answer, too") {
    CHECK(json_nesting("]]}}[") == 1);
    CHECK(json_nesting("\"[") == 0);
    CHECK(json_nesting("\"\\") == 0);
  }
}

}  // namespace sluice
