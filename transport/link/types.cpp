#include "transport/link/types.h"

#include <random>

namespace sluice::transport {

std::uint64_t draw_incarnation() {
  std::random_device source;
  std::uint64_t drawn = 0;
  while (drawn == 0) drawn = (std::uint64_t{source()} << 32) | source();
  return drawn;
}

std::string_view to_string(LossReason reason) {
  switch (reason) {
    case LossReason::kDisconnected: return "disconnected";
    case LossReason::kTimeout: return "timeout";
    case LossReason::kClosed: return "closed";
    case LossReason::kRestarted: return "restarted";
    case LossReason::kDisplaced: return "displaced";
    case LossReason::kStaleEpoch: return "stale_epoch";
  }
  return "unknown";
}

}  // namespace sluice::transport
