// How the ranks of a tensor-parallel stage meet: every rank calls the same operations with the same sizes in the same
// order, each on its own thread.
//
// Invariance: a sum is taken in rank order, ((r0 + r1) + r2) + ..., in f32, by every implementation: its bits depend on
//             the values and the number of ranks alone, and all ranks get the same.
// Errors:     kTransportLost: the group is over (a rank failed, or the epoch ended). It stays over.
// Confined:   to the rank's thread, destruction included, which ends the group for all ranks: those that wait, or will,
//             get the error.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"

namespace sluice::kernels {

class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  virtual std::uint32_t rank() const = 0;
  virtual std::uint32_t num_ranks() const = 0;

  // Replaces `values` with the sum over all ranks. Values are undefined after an error.
  virtual Result<void> all_reduce_sum(std::span<float> values) = 0;

  // Puts every rank's `part` into `all`, in rank order: num_ranks() * part.size() values. They do not overlap.
  virtual Result<void> all_gather(std::span<const float> part, std::span<float> all) = 0;
};

}  // namespace sluice::kernels
