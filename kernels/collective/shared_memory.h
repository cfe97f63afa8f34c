// The ranks of one process meet in shared memory: each shows the others where its values lie, and waits for them in a
// barrier. Nothing is sent.
//
// Owns:    the barrier's words; each rank its own scratch. Ranks share the group.
// Waiting: a barrier spins for some tens of microseconds, then sleeps in std::atomic::wait.
// Thread:  abandon() on any thread at any time; join() once for each rank, on any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/collective/communicator.h"

namespace sluice::kernels {

class SharedMemoryGroup : public std::enable_shared_from_this<SharedMemoryGroup> {
 public:
  static std::shared_ptr<SharedMemoryGroup> create(std::uint32_t num_ranks);

  std::unique_ptr<Communicator> join(std::uint32_t rank);

  // Ends every operation, now and later, with an error.
  void abandon();

 private:
  class Member;

  explicit SharedMemoryGroup(std::uint32_t num_ranks) : shown_(num_ranks) {}

  // A meeting of all ranks before values are read: false, for all of them alike, if the group was abandoned before.
  bool begin();
  // One after it, which always takes place: all have begun.
  void end();
  std::uint32_t wait_for_change(std::uint32_t from) const;

  // What a rank shows: written before a meeting, read after it.
  struct alignas(64) Shown {
    std::span<const float> values;
  };
  std::vector<Shown> shown_;

  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  // The number of meetings so far, above a bit that says whether the group is abandoned: a word to sleep on.
  alignas(64) std::atomic<std::uint32_t> state_{0};
};

}  // namespace sluice::kernels
