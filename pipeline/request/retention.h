// Retention: which finished results are kept for late attachments, and for how long.
//
// First in, first out: the oldest result goes first when count or bytes are over their bound, and each goes when its
// time is over.
//
// Owns: the queue of kept sequences; not the results themselves.
// Confined: the responder actor, inside its StreamTable.
// Invariant: after a pop_excess that returned nothing, size() <= max_streams and bytes() <= max_bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.h"
#include "base/id.h"

namespace sluice {

// 0 anywhere: nothing is kept.
struct RetentionLimits {
  std::uint32_t max_streams = 256;
  std::uint64_t max_bytes = 16u << 20;
  std::uint32_t keep_ms = 60'000;
};

class Retention {
 public:
  explicit Retention(RetentionLimits limits) : limits_(limits) {}

  // Whether a result of this size can be kept at all.
  bool admits(std::uint64_t result_bytes) const;
  // Each sequence once, admits() said yes; then pop_excess until nothing comes.
  void add(SequenceId sequence, std::uint64_t result_bytes, TimePoint now);

  // The next one to forget because count or bytes exceed their bound.
  std::optional<SequenceId> pop_excess();
  // The next one whose time is over.
  std::optional<SequenceId> pop_expired(TimePoint now);
  TimePoint next_expiry() const { return kept_.empty() ? TimePoint::never() : kept_.front().end; }

  std::size_t size() const { return kept_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Kept {
    SequenceId sequence;
    std::uint64_t result_bytes = 0;
    TimePoint end;
  };

  SequenceId pop_front();

  RetentionLimits limits_;
  std::deque<Kept> kept_;
  std::uint64_t bytes_ = 0;
};

}  // namespace sluice
