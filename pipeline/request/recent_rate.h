// RecentRate: how much of something happened lately, and for how long that has been watched.
//
// Owns: sums over the last kBuckets seconds.
// Confined: the ingress actor, inside its Admission.
// Time: `now` should not go back; if it does, it counts as the latest time seen.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace sluice {

class RecentRate {
 public:
  static constexpr Duration kBucket = std::chrono::seconds(1);
  static constexpr std::size_t kBuckets = 16;  // The window, the current second included.

  struct Reading {
    std::uint64_t events = 0;
    std::uint64_t amount = 0;
    Duration span{};  // In which they happened: up to the window, and no longer than since the restart. Not negative.
  };

  // Forgets everything and watches from now on.
  void restart(TimePoint now);
  void add(std::uint64_t amount, TimePoint now);
  Reading read(TimePoint now);

 private:
  struct Bucket {
    std::uint64_t events = 0;
    std::uint64_t amount = 0;
  };

  void move_to(TimePoint now);

  std::array<Bucket, kBuckets> buckets_{};  // A ring; second n lies at n % kBuckets.
  std::int64_t current_ = 0;                // The latest second.
  TimePoint watched_since_{};
};

}  // namespace sluice
