#include "pipeline/kv_cache/block_table.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

using Tokens = std::vector<TokenId>;

TEST_SUITE("pipeline/kv_cache/block_table") {
  TEST_CASE("grow_to_cover: takes a block at each border and none between") {
    BlockPool pool(4, 4);
    BlockTable table(pool);
    CHECK(table.covers(0));
    CHECK_FALSE(table.covers(1));

    CHECK(table.grow_to_cover(1));
    CHECK(table.size() == 1);
    CHECK(table.grow_to_cover(4));
    CHECK(table.size() == 1);
    CHECK(table.grow_to_cover(5));
    CHECK(table.size() == 2);
    CHECK(table.covers(8));
    CHECK_FALSE(table.covers(9));
    CHECK(pool.num_used() == 2);
  }

  TEST_CASE("grow_to_cover: takes all that is missing or nothing") {
    BlockPool pool(2, 4);
    BlockTable table(pool);

    CHECK(table.missing_for(9) == 3);
    CHECK_FALSE(table.grow_to_cover(9));
    CHECK(table.size() == 0);
    CHECK(pool.num_free() == 2);
    CHECK(table.grow_to_cover(8));
    CHECK(table.missing_for(8) == 0);
    CHECK(table.missing_for(3) == 0);
  }

  TEST_CASE("prefix: has the blocks of the first positions in order") {
    BlockPool pool(4, 4);
    BlockTable table(pool);
    REQUIRE(table.grow_to_cover(12));

    CHECK(table.prefix(0).empty());
    CHECK(table.prefix(4).size() == 1);
    CHECK(table.prefix(5).size() == 2);
    CHECK(table.prefix(12)[2] == BlockId{2});
  }

  TEST_CASE("fill: takes the shared blocks of the same beginning and allocates the rest") {
    BlockPool pool(6, 2);
    const Tokens tokens = {1, 2, 3, 4, 5, 6, 7};
    BlockTable first(pool);
    REQUIRE(first.fill(7, tokens, "a"));
    CHECK(first.num_shared() == 0);
    first.share(tokens, "a", true);
    CHECK(first.num_shared() == 3);  // The last block is not full.

    BlockTable second(pool);
    REQUIRE(second.fill(6, std::span(tokens).first(5), "a"));
    CHECK(second.shared_tokens() == 4);
    CHECK(second.all()[0] == first.all()[0]);
    CHECK(second.all()[1] == first.all()[1]);
    CHECK(second.all()[2] != first.all()[2]);
    CHECK(pool.num_used() == 5);
    BlockTable foreign(pool);
    CHECK_FALSE(foreign.fill(4, tokens, "b"));
    CHECK(foreign.size() == 0);
    pool.check_invariants();
  }

  TEST_CASE("fill: cached blocks that it takes do not count as space for its other blocks") {
    BlockPool pool(4, 2);
    const Tokens tokens = {1, 2, 3, 4};
    {
      BlockTable gone(pool);
      REQUIRE(gone.fill(4, tokens, ""));
      gone.share(tokens, "", true);
    }
    BlockTable table(pool);
    CHECK_FALSE(table.fill(10, tokens, ""));
    CHECK(pool.num_cached() == 2);
    CHECK(table.fill(8, tokens, ""));
    CHECK(pool.num_available() == 0);
    pool.check_invariants();
  }

  TEST_CASE("share: goes over to the same contents of another, if it may, and shares what follows") {
    BlockPool pool(6, 2);
    const Tokens tokens = {1, 2, 3, 4};
    const Tokens longer = {1, 2, 3, 4, 5, 6};
    BlockTable first(pool);
    BlockTable second(pool);
    REQUIRE(first.fill(4, {}, ""));
    REQUIRE(second.fill(6, {}, ""));
    first.share(tokens, "", true);

    second.share(longer, "", false);
    CHECK(second.num_shared() == 0);
    second.share(longer, "", true);
    CHECK(second.num_shared() == 3);
    CHECK(second.all()[1] == first.all()[1]);
    CHECK(pool.num_used() == 3);
    CHECK(pool.num_free() == 3);
    pool.check_invariants();
  }

  TEST_CASE("release: caches what is shared, the end of the text first to be evicted") {
    BlockPool pool(2, 2);
    const Tokens tokens = {1, 2, 3, 4};
    BlockTable table(pool);
    REQUIRE(table.fill(4, {}, ""));
    table.share(tokens, "", true);
    const BlockId last = table.all()[1];
    table.release();

    CHECK(pool.num_cached() == 2);
    CHECK(pool.allocate() == last);
    REQUIRE(table.grow_to_cover(2));
    CHECK(table.num_shared() == 0);
    pool.check_invariants();
  }

  TEST_CASE("destructor and release: give every block back") {
    BlockPool pool(4, 4);
    {
      BlockTable first(pool);
      BlockTable second(pool);
      REQUIRE(first.grow_to_cover(5));
      REQUIRE(second.grow_to_cover(5));
      first.release();
      CHECK(first.size() == 0);
      CHECK(pool.num_used() == 2);
    }
    CHECK(pool.num_used() == 0);
    pool.check_invariants();
  }
}

}  // namespace
}  // namespace sluice
