#include "pipeline/membership/standby_pool.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

WorkerHello hello(std::string name, std::uint64_t incarnation = 1) {
  WorkerHello message;
  message.name = std::move(name);
  message.incarnation = incarnation;
  return message;
}

TEST_SUITE("pipeline/membership/standby_pool") {
  TEST_CASE("standbys are offered in the order in which they came, and one that gave its place up comes last") {
    StandbyPool pool({"cpu:0"});
    for (const char* name : {"c", "a", "b"}) REQUIRE(pool.admit(hello(name)).ok());
    std::vector<std::string> asked;
    pool.offer([&](const WorkerHello& standby) {
      asked.push_back(standby.name);
      return standby.name == "c";
    });
    CHECK(asked == std::vector<std::string>{"c", "a", "b"});
    CHECK(pool.size() == 2);
    CHECK_FALSE(pool.contains("c"));
    pool.put_back(hello("c"));
    pool.remove("a");
    asked.clear();
    pool.offer([&](const WorkerHello& standby) {
      asked.push_back(standby.name);
      return false;
    });
    CHECK(asked == std::vector<std::string>{"b", "c"});
  }

  TEST_CASE("admit: what is no worker for this topology is refused for good") {
    StandbyPool pool({"cpu:0"});
    for (const std::string& name : {std::string(), std::string("Big"), std::string("a b"), std::string(65, 'a'),
                                    std::string("head"), std::string("a\n")}) {
      CHECK(pool.admit(hello(name)).error().code == ErrorCode::kInvalidConfig);
    }
    WorkerHello newer = hello("a");
    newer.version = 99;
    CHECK(pool.admit(newer).error().code == ErrorCode::kUnsupportedVersion);
    WorkerHello other = hello("a");
    other.devices = {"cuda:0", "cuda:1"};
    CHECK(pool.admit(other).error().message ==
          "a has no device cpu:0, where every place for any worker is; it has: cuda:0, cuda:1");
    CHECK(pool.size() == 0);
    CHECK_FALSE(StandbyPool({}).is_wanted());
  }

  TEST_CASE("admit: a taken name and a full pool can be tried again, the same worker is no other") {
    StandbyPool pool({"cpu:0"}, {.standbys_max = 2});
    REQUIRE(pool.admit(hello("a")).ok());
    REQUIRE(pool.admit(hello("a")).ok());
    CHECK(pool.size() == 1);
    CHECK(pool.admit(hello("a", 2)).error().message == "a worker named 'a' is already connected");
    REQUIRE(pool.admit(hello("b")).ok());
    const Error full = pool.admit(hello("c")).error();
    CHECK(full.message == "2 workers stand by already, as many as there may be");
    CHECK(is_retryable(full.code));
    pool.put_back(hello("d"));  // It was here before.
    CHECK(pool.size() == 3);
  }
}

}  // namespace
}  // namespace sluice
