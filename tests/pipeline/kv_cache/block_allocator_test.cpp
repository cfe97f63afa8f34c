#include "pipeline/kv_cache/block_allocator.h"

#include <doctest/doctest.h>

#include <set>

namespace sluice {
namespace {

TEST_SUITE("pipeline/kv_cache/block_allocator") {
  TEST_CASE("allocate: gives every block once, then nothing and changes nothing") {
    BlockAllocator allocator(3, 16);
    std::set<BlockId> blocks;

    for (int i = 0; i < 3; ++i) {
      const auto block = allocator.allocate();
      REQUIRE(block.has_value());
      CHECK(block->value < 3);
      CHECK(blocks.insert(*block).second);
      allocator.check_invariants();
    }

    CHECK_FALSE(allocator.allocate().has_value());
    CHECK(allocator.num_free() == 0);
    CHECK(allocator.num_used() == 3);
    allocator.check_invariants();
  }

  TEST_CASE("free: a shared block is free after the last reference only") {
    BlockAllocator allocator(2, 16);
    const BlockId block = *allocator.allocate();
    allocator.share(block);
    CHECK(allocator.references(block) == 2);

    allocator.free(block);
    CHECK(allocator.num_used() == 1);
    CHECK(allocator.references(block) == 1);
    allocator.check_invariants();

    allocator.free(block);
    CHECK(allocator.num_used() == 0);
    CHECK(allocator.references(block) == 0);
    allocator.check_invariants();
  }

  TEST_CASE("allocate: the order is the same on every run, last freed first") {
    BlockAllocator allocator(4, 16);
    CHECK(allocator.allocate() == BlockId{0});
    CHECK(allocator.allocate() == BlockId{1});
    CHECK(allocator.allocate() == BlockId{2});

    allocator.free(BlockId{1});
    allocator.free(BlockId{0});

    CHECK(allocator.allocate() == BlockId{0});
    CHECK(allocator.allocate() == BlockId{1});
    CHECK(allocator.allocate() == BlockId{3});
  }

  TEST_CASE("blocks_for: rounds up, also at the top of the range") {
    const BlockAllocator allocator(1, 16);
    CHECK(allocator.blocks_for(0) == 0);
    CHECK(allocator.blocks_for(1) == 1);
    CHECK(allocator.blocks_for(16) == 1);
    CHECK(allocator.blocks_for(17) == 2);
    CHECK(allocator.blocks_for(0xFFFFFFFFu) == 0x10000000u);
  }
}

}  // namespace
}  // namespace sluice
