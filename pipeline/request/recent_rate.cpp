#include "pipeline/request/recent_rate.h"

#include <algorithm>

namespace sluice {

void RecentRate::restart(TimePoint now) {
  buckets_ = {};
  current_ = now.since_start / kBucket;
  watched_since_ = now;
}

void RecentRate::add(std::uint64_t amount, TimePoint now) {
  move_to(now);
  Bucket& bucket = buckets_[static_cast<std::size_t>(current_) % kBuckets];
  ++bucket.events;
  bucket.amount += amount;
}

RecentRate::Reading RecentRate::read(TimePoint now) {
  move_to(now);
  Reading reading;
  for (const Bucket& bucket : buckets_) {
    reading.events += bucket.events;
    reading.amount += bucket.amount;
  }
  const std::int64_t oldest = current_ - static_cast<std::int64_t>(kBuckets) + 1;
  const TimePoint since = std::max(watched_since_, TimePoint{oldest * kBucket});
  reading.span = std::max(Duration{0}, now - since);
  return reading;
}

void RecentRate::move_to(TimePoint now) {
  const std::int64_t second = now.since_start / kBucket;
  if (second <= current_) return;
  const std::int64_t first = std::max(current_ + 1, second - static_cast<std::int64_t>(kBuckets) + 1);
  for (std::int64_t n = first; n <= second; ++n) buckets_[static_cast<std::size_t>(n) % kBuckets] = {};
  current_ = second;
}

}  // namespace sluice
