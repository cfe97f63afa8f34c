#include "base/error.h"

#include <doctest/doctest.h>

#include <set>

namespace sluice {
namespace {

TEST_SUITE("base/error") {
  TEST_CASE("to_string: every code has a name of its own") {
    std::set<std::string_view> names;
    for (std::uint8_t code = 1; code <= 17; ++code) {
      const auto name = to_string(static_cast<ErrorCode>(code));
      CHECK(name != "unknown");
      CHECK(names.insert(name).second);
    }
    CHECK(to_string(static_cast<ErrorCode>(0)) == "unknown");
    CHECK(to_string(static_cast<ErrorCode>(18)) == "unknown");
  }

  TEST_CASE("Result: holds a value or an error") {
    const Result<int> good = 3;
    const Result<int> bad = Error{ErrorCode::kInternal, "no"};
    CHECK(good.ok());
    CHECK(*good == 3);
    CHECK_FALSE(bad.ok());
    CHECK(to_string(bad.error()) == "internal: no");
  }

  TEST_CASE("Result<void>: is success unless given an error") {
    CHECK(Result<void>{}.ok());
    CHECK(Result<void>{Error{ErrorCode::kNotFound, "gone"}}.error().code == ErrorCode::kNotFound);
  }
}

}  // namespace
}  // namespace sluice
