// Ranks that meet by NCCL, each a process: they need a GPU, and skip with a message where there is none.
//
// NCCL takes two ranks of one host on one device for a mistake. So that one GPU is enough, each rank says that it is on
// a host of its own (NCCL_HOSTID); what they exchange then travels over loopback sockets.
#include <doctest/doctest.h>

#include <cuda_runtime.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "kernels/collective/nccl.h"

namespace sluice::kernels {
namespace {

constexpr int kRankIsRight = 0;
constexpr int kRankIsWrong = 1;
constexpr int kNoGpu = 2;

std::vector<float> random_values(std::uint64_t seed, std::size_t count) {
  SplitMix64 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<double>(random.next()) * 0x1p-64 - 0.5);
  return values;
}

// Values in the memory of the device that is current.
class DeviceValues {
 public:
  explicit DeviceValues(std::size_t count) : count_(count) {
    if (cudaMalloc(&data_, count * sizeof(float)) != cudaSuccess) std::_Exit(kRankIsWrong);
  }
  DeviceValues(const DeviceValues&) = delete;
  DeviceValues& operator=(const DeviceValues&) = delete;
  ~DeviceValues() { cudaFree(data_); }

  void put(const std::vector<float>& values) {
    if (cudaMemcpy(data_, values.data(), count_ * sizeof(float), cudaMemcpyHostToDevice) != cudaSuccess) {
      std::_Exit(kRankIsWrong);
    }
  }
  std::vector<float> get() const {
    std::vector<float> values(count_);
    if (cudaMemcpy(values.data(), data_, count_ * sizeof(float), cudaMemcpyDeviceToHost) != cudaSuccess) {
      std::_Exit(kRankIsWrong);
    }
    return values;
  }
  std::span<float> span() { return {data_, count_}; }

 private:
  float* data_ = nullptr;
  std::size_t count_;
};

bool has_gpu() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

// What a rank does; returns whether all went as it should.
using RankBody = std::function<bool(const NcclGroupId& id, std::uint32_t rank)>;

struct IdPipe {
  int read_end = -1;
  int write_end = -1;
};

// In the child process. Rank 0 draws the group's id and gives each other rank a copy.
int run_rank(std::uint32_t rank, std::uint32_t num_ranks, const IdPipe& pipe_of_ids, const RankBody& body) {
  if (!has_gpu()) return kNoGpu;
  ::setenv("NCCL_HOSTID", ("rank-" + std::to_string(rank)).c_str(), 1);
  ::setenv("NCCL_SOCKET_IFNAME", "lo", 0);
  ::setenv("NCCL_IB_DISABLE", "1", 0);
  NcclGroupId id;
  if (rank == 0) {
    const Result<NcclGroupId> drawn = draw_nccl_group_id();
    if (!drawn.ok()) return kRankIsWrong;
    id = *drawn;
    for (std::uint32_t other = 1; other < num_ranks; ++other) {
      if (::write(pipe_of_ids.write_end, id.data(), id.size()) != static_cast<ssize_t>(id.size())) return kRankIsWrong;
    }
  } else if (::read(pipe_of_ids.read_end, id.data(), id.size()) != static_cast<ssize_t>(id.size())) {
    return kRankIsWrong;
  }
  return body(id, rank) ? kRankIsRight : kRankIsWrong;
}

// Runs `body` in a process for each rank, since CUDA does not survive a fork. Exit codes by rank.
std::vector<int> run_ranks(std::uint32_t num_ranks, const RankBody& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const IdPipe pipe_of_ids{ends[0], ends[1]};
  std::vector<pid_t> children;
  for (std::uint32_t rank = 0; rank < num_ranks; ++rank) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) std::_Exit(run_rank(rank, num_ranks, pipe_of_ids, body));
    children.push_back(child);
  }
  std::vector<int> codes;
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  }
  ::close(ends[0]);
  ::close(ends[1]);
  return codes;
}

void check_ranks(std::uint32_t num_ranks, const RankBody& body) {
  const std::vector<int> codes = run_ranks(num_ranks, body);
  if (codes == std::vector<int>(num_ranks, kNoGpu)) {
    MESSAGE("skipped: no GPU here");
    return;
  }
  CHECK(codes == std::vector<int>(num_ranks, kRankIsRight));
}

bool for_ever() {
  return true;
}

bool is_lost(const Result<void>& result) {
  return !result.ok() && result.error().code == ErrorCode::kTransportLost;
}

}  // namespace

TEST_SUITE("kernels/collective/nccl") {
  TEST_CASE("every rank gets the sum in rank order, to the bit, many times over") {
    for (const std::uint32_t num_ranks : {1u, 2u, 3u}) {
      CAPTURE(num_ranks);
      check_ranks(num_ranks, [&](const NcclGroupId& id, std::uint32_t rank) {
        auto ranks = join_nccl_group(id, rank, num_ranks, 0, for_ever);
        if (!ranks.ok()) return false;
        SplitMix64 random(17);  // The same on every rank.
        for (int round = 0; round < 50; ++round) {
          const std::size_t count = 1 + random.below(20'000);
          const std::uint64_t seed = random.next();
          std::vector<float> expected = random_values(seed, count);
          for (std::uint32_t other = 1; other < num_ranks; ++other) {
            const std::vector<float> values = random_values(seed + other, count);
            for (std::size_t i = 0; i < count; ++i) expected[i] += values[i];
          }
          DeviceValues values(count);
          values.put(random_values(seed + rank, count));
          if (!(*ranks)->all_reduce_sum(values.span()).ok() || values.get() != expected) return false;
        }
        return true;
      });
    }
  }

  TEST_CASE("gathered parts come in rank order") {
    constexpr std::uint32_t kNumRanks = 3;
    constexpr std::size_t kCount = 1'000;
    check_ranks(kNumRanks, [](const NcclGroupId& id, std::uint32_t rank) {
      auto ranks = join_nccl_group(id, rank, kNumRanks, 0, for_ever);
      if (!ranks.ok()) return false;
      std::vector<float> expected;
      for (std::uint32_t other = 0; other < kNumRanks; ++other) {
        const std::vector<float> part = random_values(other, kCount);
        expected.insert(expected.end(), part.begin(), part.end());
      }
      DeviceValues part(kCount);
      DeviceValues all(kNumRanks * kCount);
      part.put(random_values(rank, kCount));
      return (*ranks)->all_gather(part.span(), all.span()).ok() && all.get() == expected;
    });
  }

  TEST_CASE("a rank whose peer does not come to an exchange gives up when told to, and the group stays over") {
    check_ranks(2, [](const NcclGroupId& id, std::uint32_t rank) {
      int looks = 0;
      bool is_asked_to_end = false;
      auto ranks = join_nccl_group(id, rank, 2, 0, [&] { return !is_asked_to_end || ++looks < 1'000; });
      if (!ranks.ok()) return false;
      if (rank == 1) return true;  // Joins, and goes.
      is_asked_to_end = true;
      DeviceValues values(100);
      values.put(random_values(1, 100));
      return is_lost((*ranks)->all_reduce_sum(values.span())) && is_lost((*ranks)->all_reduce_sum(values.span()));
    });
  }

  TEST_CASE("a rank whose peers never join gives up when told to") {
    check_ranks(1, [](const NcclGroupId& id, std::uint32_t rank) {
      int looks = 0;
      const auto ranks = join_nccl_group(id, rank, 2, 0, [&] { return ++looks < 1'000; });
      return !ranks.ok() && ranks.error().code == ErrorCode::kTransportLost;
    });
  }
}

}  // namespace sluice::kernels
