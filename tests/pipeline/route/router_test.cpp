#include "pipeline/route/router.h"

#include <doctest/doctest.h>

#include <numeric>

namespace sluice {
namespace {

constexpr TimePoint kNow{std::chrono::seconds(1000)};

// A router whose replicas are all up and have room.
struct Fixture {
  explicit Fixture(RoutePolicy policy, std::vector<std::uint32_t> weights = {1, 1, 1}) {
    RouterConfig config;
    config.policy = policy;
    config.overload_sequences = 2;
    config.block_tokens = 4;
    config.map_blocks_max = 100;
    config.weights = std::move(weights);
    for (std::uint32_t i = 0; i < config.weights.size(); ++i) room.set(i);
    router.emplace(std::move(config));
    for (std::uint32_t i = 0; i < router->stats().replicas.size(); ++i) router->set_up(i, true);
  }
  ~Fixture() { router->check_invariants(); }

  std::uint32_t route(std::vector<TokenId> prompt = {1}, const std::string& tenant = "") {
    SequenceStart start{{++last_id}, std::move(prompt), {}, {}, 0};
    start.spec.tenant = tenant;
    REQUIRE(router->can_route(room));
    return router->route(start, room, kNow);
  }
  void end(std::uint64_t id, std::uint32_t output_tokens = 1, Duration after = std::chrono::milliseconds(10)) {
    const auto home = router->home_of({id});
    REQUIRE(home.has_value());
    router->on_ended(*home, {{id}, output_tokens}, kNow + after);
  }
  ReplicaStats replica(std::uint32_t index) { return router->stats().replicas[index]; }

  std::optional<Router> router;
  ReplicaSet room;
  std::uint64_t last_id = 0;
};

std::vector<TokenId> tokens(TokenId first, std::size_t count) {
  std::vector<TokenId> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST_SUITE("pipeline/route/router") {
  TEST_CASE("round robin takes turns, by weight and spread out") {
    Fixture fixture(RoutePolicy::kRoundRobin, {1, 3});
    std::string order;
    for (int i = 0; i < 8; ++i) order += std::to_string(fixture.route());
    CHECK(order == "10111011");
    CHECK(fixture.replica(1).chosen_total == std::array<std::uint64_t, 3>{6, 0, 0});
  }

  TEST_CASE("a replica that is down or full is passed over, whatever the policy") {
    for (const auto policy : {RoutePolicy::kRoundRobin, RoutePolicy::kLeastLoaded, RoutePolicy::kPrefixAffinity}) {
      CAPTURE(to_string(policy));
      Fixture fixture(policy);
      fixture.router->set_up(0, false);
      fixture.room.reset(2);
      for (int i = 0; i < 5; ++i) CHECK(fixture.route(tokens(0, 8)) == 1);
      fixture.router->set_up(1, false);
      CHECK_FALSE(fixture.router->can_route(fixture.room));  // The one that is up is full.
      fixture.router->set_up(2, false);
      CHECK(fixture.route() == 0);  // Nothing is up: its batcher says so.
      CHECK(fixture.router->stats().unavailable_total == 1);
    }
  }

  TEST_CASE("a sequence has one home from its start to its end") {
    Fixture fixture(RoutePolicy::kLeastLoaded);
    const std::uint32_t home = fixture.route();
    CHECK(fixture.router->home_of({1}) == home);
    CHECK_FALSE(fixture.router->home_of({2}).has_value());
    fixture.router->on_ended((home + 1) % 3, {{1}, 1}, kNow);  // Not its home.
    CHECK(fixture.router->home_of({1}) == home);
    SequenceStart again{{1}, {1}, {}, {}, 0};
    CHECK(fixture.router->route(again, fixture.room, kNow) == home);
    CHECK(fixture.replica(home).sequences == 1);
    fixture.end(1);
    CHECK_FALSE(fixture.router->home_of({1}).has_value());
    fixture.router->on_ended(home, {{1}, 1}, kNow);
    CHECK(fixture.replica(home).sequences == 0);
  }

  TEST_CASE("latency is from the router to the end, for each token, without output it says nothing") {
    Fixture fixture(RoutePolicy::kLeastLoaded);
    const std::uint32_t home = fixture.route();
    fixture.end(1, 0);
    CHECK(fixture.replica(home).latency_us == 0);
    const std::uint32_t other = fixture.route();
    fixture.end(2, 5, std::chrono::milliseconds(10));
    CHECK(fixture.replica(other).latency_us == 2000);
  }

  TEST_CASE("affinity: a conversation stays where it began, tenants apart") {
    Fixture fixture(RoutePolicy::kPrefixAffinity);
    const std::uint32_t home = fixture.route(tokens(0, 8), "a");
    fixture.end(1);
    const std::uint32_t other = fixture.route(tokens(0, 8), "b");
    CHECK(other != home);
    fixture.end(2);
    CHECK(fixture.route(tokens(0, 16), "a") == home);
    fixture.end(3);
    CHECK(fixture.route(tokens(0, 20), "b") == other);
    CHECK(fixture.replica(home).chosen_total == std::array<std::uint64_t, 3>{0, 1, 1});
    CHECK(fixture.router->stats().map_blocks == 4 + 5);
  }

  TEST_CASE("affinity yields to overload, and both have the prefix then") {
    Fixture fixture(RoutePolicy::kPrefixAffinity);
    const std::uint32_t home = fixture.route(tokens(0, 8));
    CHECK(fixture.route(tokens(0, 8)) == home);
    const std::uint32_t second = fixture.route(tokens(0, 8));
    CHECK(second != home);
    CHECK(fixture.router->stats().overruled_total == 1);
    CHECK(fixture.route(tokens(0, 8)) == second);
    fixture.end(1);
    fixture.end(2);
    CHECK(fixture.route(tokens(0, 8)) == home);
  }

  TEST_CASE("affinity: a weight bears as many times the overload") {
    Fixture fixture(RoutePolicy::kPrefixAffinity, {1, 2});
    fixture.router->set_up(0, false);
    CHECK(fixture.route(tokens(0, 8)) == 1);
    fixture.router->set_up(0, true);
    for (int i = 1; i < 4; ++i) CHECK(fixture.route(tokens(0, 8)) == 1);
    CHECK(fixture.route(tokens(0, 8)) == 0);
  }

  TEST_CASE("affinity: a replica that was lost has lost its blocks") {
    Fixture fixture(RoutePolicy::kPrefixAffinity);
    const std::uint32_t home = fixture.route(tokens(0, 8));
    fixture.end(1);
    fixture.router->set_up(home, false);
    CHECK(fixture.router->stats().map_blocks == 0);
    fixture.router->set_up(home, true);
    CHECK(fixture.route(tokens(0, 8)) != home);
  }
}

}  // namespace
}  // namespace sluice
