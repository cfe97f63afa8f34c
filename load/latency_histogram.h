// Durations counted in buckets of equal relative width, so that quantiles of millions of them cost 36 KiB and one pass.
//
// Buckets: below 256 ns one per nanosecond, above 128 per power of two: a quantile is at most 1/128 too large and never
// too small. Negative durations count as 0, those beyond kLongest (about 73 minutes) as kLongest in quantiles; the
// maximum and the sum are exact.
// Owns: its counters, whose number never changes. Confined: one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace sluice::load {

class LatencyHistogram {
 public:
  static constexpr Duration kLongest = Duration((std::int64_t{1} << 42) - 1);

  void record(Duration latency);

  std::uint64_t count() const { return count_; }
  // 0 where nothing was recorded, as are the mean and quantiles.
  Duration max() const { return max_; }
  Duration mean() const;
  // The smallest bucket bound that at least a share `q` of all durations does not exceed (nearest rank); max() for
  // q = 1. q in [0, 1].
  Duration quantile(double q) const;

 private:
  static constexpr int kLinearBits = 8;    // 2^8 buckets of 1 ns.
  static constexpr int kLargestBits = 42;  // Of kLongest.
  static constexpr std::size_t kHalf = std::size_t{1} << (kLinearBits - 1);
  static constexpr std::size_t kBuckets = 2 * kHalf + (kLargestBits - kLinearBits) * kHalf;

  static std::size_t bucket_of(std::uint64_t ns);
  static std::uint64_t largest_in(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  Duration max_{};
  double sum_ns_ = 0;
};

}  // namespace sluice::load
