#include "pipeline/text/byte_level.h"

#include <doctest/doctest.h>

#include <set>

namespace sluice {
namespace {

TEST_SUITE("pipeline/text/byte_level") {
  TEST_CASE("byte_level: every byte has a spelling of its own and comes back") {
    std::set<std::string_view> spellings;
    for (unsigned value = 0; value < 256; ++value) {
      const auto byte = static_cast<unsigned char>(value);
      CHECK(spellings.insert(byte_level_spelling(byte)).second);
      CHECK(from_byte_level(byte_level_spelling(byte)) == std::string(1, static_cast<char>(byte)));
    }
    CHECK(to_byte_level(" a\n") == "\u0120a\u010A");
    CHECK(byte_level_spelling(0xAD) == "\u0143");
  }

  TEST_CASE("from_byte_level: nothing outside the alphabet") {
    CHECK(from_byte_level("a b") == std::nullopt);
    CHECK(from_byte_level("\u0144") == std::nullopt);
    CHECK(from_byte_level("\u00AD") == std::nullopt);
    CHECK(from_byte_level("\uFF5C") == std::nullopt);
    CHECK(from_byte_level("") == "");
  }
}

}  // namespace
}  // namespace sluice
