#include "pipeline/kv_cache/block_table.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_SUITE("pipeline/kv_cache/block_table") {
  TEST_CASE("grow_to_cover: takes a block at each border and none between") {
    BlockAllocator allocator(4, 4);
    BlockTable table(allocator);
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
    CHECK(allocator.num_used() == 2);
  }

  TEST_CASE("grow_to_cover: takes all that is missing or nothing") {
    BlockAllocator allocator(2, 4);
    BlockTable table(allocator);

    CHECK(table.missing_for(9) == 3);
    CHECK_FALSE(table.grow_to_cover(9));
    CHECK(table.size() == 0);
    CHECK(allocator.num_free() == 2);
    CHECK(table.grow_to_cover(8));
    CHECK(table.missing_for(8) == 0);
    CHECK(table.missing_for(3) == 0);
  }

  TEST_CASE("prefix: has the blocks of the first positions in order") {
    BlockAllocator allocator(4, 4);
    BlockTable table(allocator);
    REQUIRE(table.grow_to_cover(12));

    CHECK(table.prefix(0).empty());
    CHECK(table.prefix(4).size() == 1);
    CHECK(table.prefix(5).size() == 2);
    CHECK(table.prefix(12)[2] == BlockId{2});
  }

  TEST_CASE("destructor and release: give every block back") {
    BlockAllocator allocator(4, 4);
    {
      BlockTable first(allocator);
      BlockTable second(allocator);
      REQUIRE(first.grow_to_cover(5));
      REQUIRE(second.grow_to_cover(5));
      first.release();
      CHECK(first.size() == 0);
      CHECK(allocator.num_used() == 2);
    }
    CHECK(allocator.num_used() == 0);
    allocator.check_invariants();
  }
}

}  // namespace
}  // namespace sluice
