// Ranks that meet over links, each on a thread of its own.
#include "actors/link_communicator.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/random.h"
#include "kernels/collective/shared_memory.h"

namespace sluice::actors {
namespace {

StageAssign assign_of(std::uint32_t rank, std::uint32_t num_ranks) {
  StageAssign assign;
  assign.epoch = Epoch{3};
  assign.rank = rank;
  assign.num_ranks = num_ranks;
  assign.exchange_address = "inproc://exchange-" + std::to_string(rank) + "-from-{peer}";
  return assign;
}

// Ranks of one stage, bound and connected. Each looks at its links again and again instead of sleeping.
struct Stage {
  explicit Stage(std::uint32_t num_ranks) {
    for (std::uint32_t rank = 0; rank < num_ranks; ++rank) {
      auto bound = LinkCommunicator::bind(context, assign_of(rank, num_ranks), [this] { return !is_over.load(); });
      REQUIRE(bound.ok());
      ranks.push_back(std::move(*bound));
    }
    for (std::uint32_t rank = 0; rank < num_ranks; ++rank) {
      std::vector<std::string> addresses;
      for (const auto& peer : ranks) addresses.push_back(peer->addresses()[rank]);
      REQUIRE(ranks[rank]->connect(context, addresses, SteadyClock().now()).ok());
    }
  }

  transport::Context context = transport::Context::create().value();
  std::atomic<bool> is_over{false};
  std::vector<std::unique_ptr<LinkCommunicator>> ranks;
};

// Runs body(communicator, rank) on a thread for each rank; `idle` is what a rank does until all are done.
template <class Body, class Idle>
void on_each(std::size_t num_ranks, const Body& body, const Idle& idle) {
  std::atomic<std::size_t> num_done = 0;
  std::vector<std::jthread> threads;
  for (std::size_t rank = 0; rank < num_ranks; ++rank) {
    threads.emplace_back([&, rank] {
      body(rank);
      for (++num_done; num_done < num_ranks;) idle(rank);
    });
  }
}

// As a stage actor between its steps: what is still to be sent goes out.
template <class Body>
void on_each_rank(Stage& stage, const Body& body) {
  on_each(
      stage.ranks.size(), [&](std::size_t rank) { body(*stage.ranks[rank], rank); },
      [&](std::size_t rank) { stage.ranks[rank]->advance(SteadyClock().now()); });
}

// The sums of 50 exchanges of seeded values, one after another.
std::vector<float> sums_of(kernels::Communicator& ranks, std::size_t rank) {
  SplitMix64 lengths(9);
  SplitMix64 random(rank);
  std::vector<float> sums;
  for (int round = 0; round < 50; ++round) {
    std::vector<float> values(1 + lengths.below(200));
    for (float& value : values) value = static_cast<float>(static_cast<double>(random.next()) * 0x1p-64 - 0.5);
    if (!ranks.all_reduce_sum(values).ok()) return {};
    sums.insert(sums.end(), values.begin(), values.end());
  }
  return sums;
}

}  // namespace

TEST_SUITE("actors/link_communicator") {
  TEST_CASE("sums over links have the bits of sums in shared memory") {
    for (const std::uint32_t num_ranks : {2u, 3u}) {
      Stage stage(num_ranks);
      const auto group = kernels::SharedMemoryGroup::create(num_ranks);
      std::vector<std::vector<float>> over_links(num_ranks);
      std::vector<std::vector<float>> in_memory(num_ranks);
      on_each_rank(stage, [&](LinkCommunicator& ranks, std::size_t rank) { over_links[rank] = sums_of(ranks, rank); });
      on_each(
          num_ranks,
          [&](std::size_t rank) { in_memory[rank] = sums_of(*group->join(static_cast<std::uint32_t>(rank)), rank); },
          [](std::size_t) {});
      CHECK_FALSE(over_links[0].empty());
      CHECK(over_links == in_memory);
      for (const auto& sums : over_links) CHECK(sums == over_links[0]);
    }
  }

  TEST_CASE("parts are gathered in rank order") {
    Stage stage(2);
    std::vector<std::vector<float>> gathered(2, std::vector<float>(4));
    on_each_rank(stage, [&](LinkCommunicator& ranks, std::size_t rank) {
      const std::vector<float> part = rank == 0 ? std::vector<float>{1, 2} : std::vector<float>{3, 4};
      if (!ranks.all_gather(part, gathered[rank]).ok()) gathered[rank].clear();
    });
    CHECK(gathered[0] == std::vector<float>{1, 2, 3, 4});
    CHECK(gathered[1] == gathered[0]);
  }

  TEST_CASE("a peer that sends another number of values is refused, not believed") {
    Stage stage(2);
    std::vector<Result<void>> results(2);
    on_each_rank(stage, [&](LinkCommunicator& ranks, std::size_t rank) {
      std::vector<float> values(4 + rank);
      results[rank] = ranks.all_reduce_sum(values);
    });
    for (const Result<void>& result : results) {
      REQUIRE_FALSE(result.ok());
      CHECK(result.error().code == ErrorCode::kProtocolViolation);
    }
  }

  TEST_CASE("a rank that waits comes free when its peer is gone, and when it is told to give up") {
    Stage stage(2);
    std::vector<float> values(8);
    std::vector<Result<void>> results(2);
    on_each_rank(stage, [&](LinkCommunicator& ranks, std::size_t rank) {
      std::vector<float> ones(8, 1.0f);
      results[rank] = ranks.all_reduce_sum(ones);
    });
    CHECK(results[0].ok());
    CHECK(results[1].ok());
    stage.ranks[1].reset();
    const Result<void> waited = stage.ranks[0]->all_reduce_sum(values);
    REQUIRE_FALSE(waited.ok());
    CHECK(waited.error().code == ErrorCode::kTransportLost);

    Stage alone(2);
    alone.is_over = true;
    const Result<void> given_up = alone.ranks[0]->all_reduce_sum(values);
    REQUIRE_FALSE(given_up.ok());
    CHECK(given_up.error().code == ErrorCode::kTransportLost);
  }
}

}  // namespace sluice::actors
