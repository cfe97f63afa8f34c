// Ranks that meet in shared memory, each on a thread.
#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "base/random.h"
#include "kernels/collective/shared_memory.h"

namespace sluice::kernels {
namespace {

std::vector<std::vector<float>> random_values(std::uint32_t num_ranks, std::size_t count, SplitMix64& random) {
  std::vector<std::vector<float>> values(num_ranks, std::vector<float>(count));
  for (auto& of_rank : values) {
    for (float& value : of_rank) value = static_cast<float>(static_cast<double>(random.next()) * 0x1p-64 - 0.5);
  }
  return values;
}

std::vector<float> sum_in_order(const std::vector<std::vector<float>>& values) {
  std::vector<float> sum = values[0];
  for (std::size_t rank = 1; rank < values.size(); ++rank) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values[rank][i];
  }
  return sum;
}

template <class Body>
void on_each_rank(std::uint32_t num_ranks, const Body& body) {
  const auto group = SharedMemoryGroup::create(num_ranks);
  std::vector<std::jthread> threads;
  for (std::uint32_t rank = 0; rank < num_ranks; ++rank) {
    threads.emplace_back([&, rank, communicator = group->join(rank)] { body(*communicator, rank); });
  }
}

}  // namespace

TEST_SUITE("kernels/collective") {
  TEST_CASE("every rank gets the sum in rank order, to the bit, many times over") {
    SplitMix64 random(1);
    for (const std::uint32_t num_ranks : {1u, 2u, 3u, 5u}) {
      CAPTURE(num_ranks);
      std::vector<std::vector<std::vector<float>>> rounds;
      for (int round = 0; round < 200; ++round) rounds.push_back(random_values(num_ranks, random.below(300), random));
      std::vector<std::vector<std::vector<float>>> results(rounds.size(), std::vector<std::vector<float>>(num_ranks));
      on_each_rank(num_ranks, [&](Communicator& ranks, std::uint32_t rank) {
        for (std::size_t round = 0; round < rounds.size(); ++round) {
          std::vector<float> values = rounds[round][rank];
          if (ranks.all_reduce_sum(values).ok()) results[round][rank] = values;
        }
      });
      for (std::size_t round = 0; round < rounds.size(); ++round) {
        const std::vector<float> expected = sum_in_order(rounds[round]);
        for (const auto& result : results[round]) CHECK(result == expected);
      }
    }
  }

  TEST_CASE("gathered parts come in rank order") {
    SplitMix64 random(2);
    const std::uint32_t num_ranks = 3;
    const auto values = random_values(num_ranks, 100, random);
    std::vector<float> expected;
    for (const auto& part : values) expected.insert(expected.end(), part.begin(), part.end());
    std::vector<std::vector<float>> gathered(num_ranks, std::vector<float>(300));
    on_each_rank(num_ranks, [&](Communicator& ranks, std::uint32_t rank) {
      if (!ranks.all_gather(values[rank], gathered[rank]).ok()) gathered[rank].clear();
    });
    for (const auto& all : gathered) CHECK(all == expected);
  }

  TEST_CASE("a rank that waits comes free with an error when the group is abandoned, and so does every later call") {
    const auto group = SharedMemoryGroup::create(2);
    std::vector<float> values(10);
    Result<void> waited;
    {
      std::jthread first([&, communicator = group->join(0)] { waited = communicator->all_reduce_sum(values); });
      group->abandon();
    }
    REQUIRE_FALSE(waited.ok());
    CHECK(waited.error().code == ErrorCode::kTransportLost);
    CHECK_FALSE(group->join(1)->all_reduce_sum(values).ok());
  }

  TEST_CASE("a rank that leaves ends the group: all have the result of a meeting, or none") {
    SplitMix64 random(3);
    for (int round = 0; round < 300; ++round) {
      const std::uint32_t num_ranks = 2 + static_cast<std::uint32_t>(random.below(3));
      const std::uint64_t leaves_after = random.below(20);
      std::vector<std::uint64_t> done(num_ranks);
      on_each_rank(num_ranks, [&](Communicator& ranks, std::uint32_t rank) {
        std::vector<float> values(8, 1.0f);
        while (rank != 0 || done[rank] < leaves_after) {
          if (!ranks.all_reduce_sum(values).ok()) break;
          ++done[rank];
        }
      });
      for (const std::uint64_t meetings : done) CHECK(meetings == leaves_after);
    }
  }
}

}  // namespace sluice::kernels
