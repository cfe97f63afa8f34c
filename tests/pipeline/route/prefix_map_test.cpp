#include "pipeline/route/prefix_map.h"

#include <doctest/doctest.h>

#include <numeric>

namespace sluice {
namespace {

// `count` tokens from `first` on.
std::vector<TokenId> tokens(TokenId first, std::size_t count) {
  std::vector<TokenId> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

ReplicaSet set_of(std::initializer_list<std::uint32_t> replicas) {
  ReplicaSet set;
  for (const std::uint32_t replica : replicas) set.set(replica);
  return set;
}

TEST_SUITE("pipeline/route/prefix_map") {
  TEST_CASE("a chain has one hash for each full block, of all before it and of the tenant") {
    const PrefixMap map(4, 100);
    CHECK(map.chain("a", tokens(0, 3)).empty());
    const auto chain = map.chain("a", tokens(0, 11));
    CHECK(chain.size() == 2);
    CHECK(map.chain("a", tokens(0, 8)) == chain);
    CHECK(map.chain("b", tokens(0, 8))[0] != chain[0]);
    auto other = tokens(0, 8);
    other[0] = 99;
    CHECK(map.chain("a", other)[1] != chain[1]);
  }

  TEST_CASE("the most blocks win, and all who have as many") {
    PrefixMap map(4, 100);
    const auto chain = map.chain("a", tokens(0, 16));
    CHECK(map.find(chain).blocks == 0);
    CHECK(map.find(chain).replicas.none());
    map.add(std::span(chain).first(1), 0);
    map.add(std::span(chain).first(3), 1);
    map.add(std::span(chain).first(3), 2);
    CHECK(map.find(chain).blocks == 3);
    CHECK(map.find(chain).replicas == set_of({1, 2}));
    CHECK(map.find(std::span(chain).first(1)).replicas == set_of({0, 1, 2}));
    map.add(chain, 2);
    CHECK(map.find(chain).blocks == 4);
    CHECK(map.find(chain).replicas == set_of({2}));
    map.check_invariants();
  }

  TEST_CASE("a replica that is forgotten takes only its own along") {
    PrefixMap map(4, 100);
    const auto chain = map.chain("a", tokens(0, 16));
    map.add(std::span(chain).first(2), 0);
    map.add(chain, 1);
    map.forget(1);
    CHECK(map.size() == 2);
    CHECK(map.find(chain).blocks == 2);
    CHECK(map.find(chain).replicas == set_of({0}));
    map.forget(0);
    CHECK(map.size() == 0);
    map.check_invariants();
  }

  TEST_CASE("beyond the bound the longest unused goes, ends before beginnings") {
    PrefixMap map(4, 6);
    const auto old = map.chain("a", tokens(0, 16));
    map.add(old, 0);
    const auto fresh = map.chain("a", tokens(100, 16));
    map.add(fresh, 1);
    CHECK(map.size() == 6);
    CHECK(map.find(fresh).blocks == 4);
    CHECK(map.find(old).blocks == 2);
    map.add(std::span(old).first(2), 0);  // Used again: now the other's end goes.
    const auto third = map.chain("b", tokens(0, 8));
    map.add(third, 2);
    CHECK(map.find(old).blocks == 2);
    CHECK(map.find(fresh).blocks == 2);
    CHECK(map.chain("a", tokens(0, 400)).size() == 6);
    map.check_invariants();
  }
}

}  // namespace
}  // namespace sluice
