#include "base/mock_model.h"

#include <doctest/doctest.h>

#include <set>

namespace sluice {
namespace {

TEST_SUITE("base/mock_model") {
  // Computed from the formulas of the header by another program.
  TEST_CASE("mock_token: gives the documented tokens") {
    CHECK(mock_token(0, 0, 0, 4096) == 2116);
    CHECK(mock_token(1, 0, 5, 4096) == 551);
    CHECK(mock_token(1, 0, 6, 4096) == 2826);
    CHECK(mock_token(1, 1, 5, 4096) == 3679);
    CHECK(mock_token(0xffffffffffffffff, 7, 1023, 128256) == 54433);
    CHECK(mock_token(std::uint64_t{1} << 32, 0, 5, 4096) == 533);
  }

  TEST_CASE("mock_digest and mock_hidden_state: give the documented values") {
    CHECK(mock_digest(1, 0, 5) == 0x9ca09fc1974b93a4);
    CHECK(mock_digest(std::uint64_t{1} << 32, 0, 5) == 0xf1dd798d98c4269e);
    CHECK(mock_hidden_state(0, 0) == 418262 * 0x1p-24f);
    CHECK(mock_hidden_state(17, 3) == 3706664 * 0x1p-24f);
  }

  TEST_CASE("mock_token: is inside the vocabulary, and all of it comes up") {
    std::set<TokenId> seen;
    for (std::uint32_t position = 0; position < 1000; ++position) {
      const TokenId token = mock_token(3, 0, position, 16);
      REQUIRE(token >= 0);
      REQUIRE(token < 16);
      seen.insert(token);
      REQUIRE(mock_token(3, 0, position, 1) == 0);
    }
    CHECK(seen.size() == 16);
  }
}

}  // namespace
}  // namespace sluice
