#include "actors/socket_directory.h"

#include <doctest/doctest.h>

#include <filesystem>

namespace sluice::actors {
namespace {

TEST_SUITE("actors/socket_directory") {
  TEST_CASE("fresh: is private to the user and gone with its object") {
    std::filesystem::path path;
    {
      const auto directory = SocketDirectory::create("");
      REQUIRE(directory.ok());
      path = directory->path();
      CHECK(std::filesystem::status(path).permissions() == std::filesystem::perms::owner_all);
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("wanted: is made where missing, and stays") {
    const auto parent = SocketDirectory::create("");
    REQUIRE(parent.ok());
    const std::string wanted = parent->path() + "/a/b";
    { REQUIRE(SocketDirectory::create(wanted).ok()); }
    CHECK(std::filesystem::exists(wanted));
  }

  TEST_CASE("wanted: below a file is an error that names it") {
    const auto directory = SocketDirectory::create("/dev/null/x");
    REQUIRE_FALSE(directory.ok());
    CHECK(directory.error().code == ErrorCode::kInvalidConfig);
    CHECK(directory.error().message.find("/dev/null/x") != std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::actors
