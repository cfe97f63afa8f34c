// Ranks that compute on NVIDIA GPUs meet by NCCL. Only built where NCCL and the CUDA toolkit are found.
//
// The values of an exchange are memory of the rank's device. A sum is gathered and added locally in rank order, as
// everywhere (communicator.h); ncclAllReduce would add in an order of its own.
//
// Owns:    the communicator, a stream, and scratch for the gathered values of the largest exchange so far.
// Thread:  the rank's, with its device current.
// Waiting: asks `goes_on` between looks at the device and at NCCL, also while ranks join; false: give up.
// Errors:  kTransportLost where NCCL reports that a peer is gone, or `goes_on` says so; kInternal for the device's.
// Traffic: NCCL's own connections, neither encrypted nor authenticated (docs/SECURITY.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "kernels/collective/communicator.h"

namespace sluice::kernels {

// What rank 0 draws and every rank needs; ncclUniqueId as bytes, so that it can travel.
using NcclGroupId = std::array<std::byte, 128>;

Result<NcclGroupId> draw_nccl_group_id();

// Waits until all ranks have come. `device` is a CUDA device number; NCCL refuses two ranks of a host on one.
Result<std::unique_ptr<Communicator>> join_nccl_group(const NcclGroupId& id, std::uint32_t rank,
                                                      std::uint32_t num_ranks, int device,
                                                      std::function<bool()> goes_on);

}  // namespace sluice::kernels
