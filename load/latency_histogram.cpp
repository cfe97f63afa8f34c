#include "load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"

namespace sluice::load {

std::size_t LatencyHistogram::bucket_of(std::uint64_t ns) {
  const int bits = static_cast<int>(std::bit_width(ns));
  if (bits <= kLinearBits) return static_cast<std::size_t>(ns);
  const int shift = bits - kLinearBits;  // The leading kLinearBits bits choose the bucket.
  return static_cast<std::size_t>(shift) * kHalf + static_cast<std::size_t>(ns >> shift);
}

std::uint64_t LatencyHistogram::largest_in(std::size_t bucket) {
  if (bucket < 2 * kHalf) return bucket;
  const std::size_t shift = bucket / kHalf - 1;
  const std::uint64_t leading = bucket - shift * kHalf;
  return ((leading + 1) << shift) - 1;
}

void LatencyHistogram::record(Duration latency) {
  latency = std::max(latency, Duration::zero());
  const auto ns = static_cast<std::uint64_t>(std::min(latency, kLongest).count());
  ++counts_[bucket_of(ns)];
  ++count_;
  max_ = std::max(max_, latency);
  sum_ns_ += static_cast<double>(latency.count());
}

Duration LatencyHistogram::mean() const {
  if (count_ == 0) return {};
  return Duration(static_cast<std::int64_t>(sum_ns_ / static_cast<double>(count_)));
}

Duration LatencyHistogram::quantile(double q) const {
  SLUICE_CHECK(q >= 0 && q <= 1);
  if (count_ == 0) return {};
  const double rank = std::ceil(q * static_cast<double>(count_));
  const std::uint64_t wanted = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, count_);
  if (wanted == count_) return max_;
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += counts_[bucket]) < wanted) ++bucket;
  return std::min(Duration(static_cast<std::int64_t>(largest_in(bucket))), max_);
}

}  // namespace sluice::load
