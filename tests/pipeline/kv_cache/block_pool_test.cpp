#include "pipeline/kv_cache/block_pool.h"

#include <doctest/doctest.h>

#include <vector>

namespace sluice {
namespace {

using Tokens = std::vector<TokenId>;

const Tokens kOne = {1, 2};
const Tokens kTwo = {3, 4};
const Tokens kThree = {5, 6};

BlockParent tenant(std::string_view name) {
  return {{}, name};
}
BlockParent after(BlockId block) {
  return {block, {}};
}

// A block that holds `tokens`, shared, with one user.
BlockId shared(BlockPool& pool, const BlockParent& parent, const Tokens& tokens) {
  const auto block = pool.allocate();
  REQUIRE(block.has_value());
  CHECK(pool.share(*block, parent, tokens));
  pool.check_invariants();
  return *block;
}

TEST_SUITE("pipeline/kv_cache/block_pool") {
  TEST_CASE("free: a block that nobody can find is free, a shared one is cached and found again") {
    BlockPool pool(3, 2);
    const BlockId own = *pool.allocate();
    const BlockId block = shared(pool, tenant("a"), kOne);
    CHECK(pool.num_used() == 2);

    pool.free(own);
    pool.free(block);
    pool.check_invariants();
    CHECK(pool.num_free() == 2);
    CHECK(pool.num_cached() == 1);
    CHECK(pool.num_used() == 0);
    CHECK(pool.num_available() == 3);

    CHECK(pool.find(tenant("a"), kOne) == block);
    pool.use(block);
    pool.use(block);
    CHECK(pool.num_users(block) == 2);
    CHECK(pool.num_cached() == 0);
    pool.free(block);
    CHECK(pool.num_cached() == 0);
    pool.free(block);
    CHECK(pool.num_cached() == 1);
    pool.check_invariants();
  }

  TEST_CASE("find: goes by tenant, by all tokens before, and by the tokens themselves") {
    BlockPool pool(8, 2);
    const BlockId first = shared(pool, tenant("a"), kOne);
    const BlockId second = shared(pool, after(first), kTwo);
    const BlockId other = shared(pool, tenant("a"), kTwo);

    CHECK(pool.find(after(first), kTwo) == second);
    CHECK(pool.find(tenant("a"), kTwo) == other);
    CHECK_FALSE(pool.find(after(other), kTwo).has_value());
    CHECK_FALSE(pool.find(after(first), kOne).has_value());
    CHECK_FALSE(pool.find(tenant("b"), kOne).has_value());
    CHECK_FALSE(pool.find(tenant(""), kOne).has_value());
  }

  TEST_CASE("find: contents decide where all hashes are the same") {
    BlockPool pool(16, 2, [](std::uint64_t, std::span<const TokenId>) -> std::uint64_t { return 1; });
    const BlockId first = shared(pool, tenant("a"), kOne);
    const BlockId second = shared(pool, after(first), kOne);
    const BlockId foreign = shared(pool, tenant("b"), kOne);

    CHECK(pool.find(tenant("a"), kOne) == first);
    CHECK(pool.find(after(first), kOne) == second);
    CHECK(pool.find(tenant("b"), kOne) == foreign);
    CHECK_FALSE(pool.find(tenant("a"), kTwo).has_value());
    CHECK_FALSE(pool.find(after(foreign), kOne).has_value());
    CHECK_FALSE(pool.find(tenant("c"), kOne).has_value());
  }

  TEST_CASE("share: refuses when too many contents have one hash, and takes others again after an eviction") {
    BlockPool pool(9, 2, [](std::uint64_t, std::span<const TokenId>) -> std::uint64_t { return 1; });
    std::vector<BlockId> blocks;
    for (TokenId token = 0; token < static_cast<TokenId>(PrefixIndex::kNodesPerHash); ++token) {
      blocks.push_back(shared(pool, tenant("a"), {token, token}));
    }
    const BlockId own = *pool.allocate();
    CHECK_FALSE(pool.share(own, tenant("a"), kOne));
    CHECK_FALSE(pool.is_shared(own));
    pool.check_invariants();

    pool.free(blocks[0]);
    CHECK(pool.allocate() == blocks[0]);
    CHECK(pool.share(own, tenant("a"), kOne));
    pool.check_invariants();
  }

  TEST_CASE("allocate: takes free blocks first, then the cached ones that were used longest ago, leaves first") {
    BlockPool pool(4, 2);
    const BlockId first = shared(pool, tenant("a"), kOne);
    const BlockId second = shared(pool, after(first), kTwo);
    const BlockId old = shared(pool, tenant("a"), kThree);
    pool.free(old);
    pool.free(second);
    pool.free(first);
    CHECK(pool.num_available() == 4);

    CHECK(pool.allocate() == BlockId{3});
    CHECK(pool.allocate() == old);
    CHECK_FALSE(pool.find(tenant("a"), kThree).has_value());
    CHECK(pool.allocate() == second);
    CHECK(pool.find(tenant("a"), kOne) == first);
    CHECK(pool.allocate() == first);
    CHECK_FALSE(pool.allocate().has_value());
    CHECK(pool.num_used() == 4);
    pool.check_invariants();
  }

  TEST_CASE("allocate: a use makes a block the last one to go") {
    BlockPool pool(2, 2);
    const BlockId first = shared(pool, tenant("a"), kOne);
    const BlockId second = shared(pool, tenant("a"), kTwo);
    pool.free(first);
    pool.free(second);
    pool.use(first);
    pool.free(first);

    CHECK(pool.allocate() == second);
    CHECK(pool.allocate() == first);
  }

  TEST_CASE("allocate: never takes a block that has users") {
    BlockPool pool(2, 2);
    const BlockId first = shared(pool, tenant("a"), kOne);
    const BlockId second = shared(pool, after(first), kTwo);
    pool.free(second);

    CHECK(pool.allocate() == second);
    CHECK_FALSE(pool.allocate().has_value());
    CHECK(pool.find(tenant("a"), kOne) == first);
  }

  TEST_CASE("drop_cached: what was cached is free and found no more") {
    BlockPool pool(4, 2);
    const BlockId first = shared(pool, tenant("a"), kOne);
    const BlockId second = shared(pool, after(first), kTwo);
    pool.free(second);
    pool.free(first);

    pool.drop_cached();
    pool.check_invariants();
    CHECK(pool.num_free() == 4);
    CHECK(pool.num_cached() == 0);
    CHECK_FALSE(pool.find(tenant("a"), kOne).has_value());
  }
}

}  // namespace
}  // namespace sluice
