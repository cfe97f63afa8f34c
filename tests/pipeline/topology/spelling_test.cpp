#include "pipeline/topology/spelling.h"

#include <doctest/doctest.h>

#include <array>

namespace sluice::topology {
namespace {

TEST_SUITE("pipeline/topology/spelling") {
  TEST_CASE("edit_distance: counts insertions, deletions, replacements and swaps") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("abc", "abc") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("abc", "abd") == 1);
    CHECK(edit_distance("abc", "ac") == 1);
    CHECK(edit_distance("abcd", "abdc") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
  }

  TEST_CASE("nearest_name: takes the first of equally near names") {
    static constexpr std::array<std::string_view, 3> kNames = {"bind", "find", "path"};
    CHECK(nearest_name("bnid", kNames) == "bind");
    CHECK(nearest_name("zind", kNames) == "bind");
    CHECK(nearest_name("pat", kNames) == "path");
    CHECK(nearest_name("", kNames) == "bind");
  }

  TEST_CASE("in_quotes: shows bytes that are no printable ASCII and cuts what is long") {
    CHECK(in_quotes("a b") == "'a b'");
    CHECK(in_quotes("a\x1b[0m\xff") == "'a\\x1b[0m\\xff'");
    CHECK(in_quotes(std::string(64, 'x')) == "'" + std::string(64, 'x') + "'");
    CHECK(in_quotes(std::string(65, 'x')) == "'" + std::string(64, 'x') + "...'");
  }
}

}  // namespace
}  // namespace sluice::topology
