// Counts of values by fixed buckets, as a plain value: what an actor counts on its hot path and sends as a copy.
// Adding is a search in a small table and two additions. Histograms of one kind have one table of bounds, known to
// whoever reads them; the unit is that of the table.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace sluice {

// Microseconds: 1, 2, 5 times the powers of ten from 10 us to 100 s.
inline constexpr std::array<std::uint64_t, 22> kTimeBounds_us = {
    10,        20,        50,         100,        200,        500,        1'000,   2'000,
    5'000,     10'000,    20'000,     50'000,     100'000,    200'000,    500'000, 1'000'000,
    2'000'000, 5'000'000, 10'000'000, 20'000'000, 50'000'000, 100'000'000};
// Numbers of things: powers of two.
inline constexpr std::array<std::uint64_t, 17> kCountBounds = {1,   2,    4,    8,    16,   32,    64,    128,  256,
                                                               512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};

template <const auto& kBounds>
struct Histogram {
  static constexpr std::size_t kNumBuckets = kBounds.size() + 1;

  std::array<std::uint64_t, kNumBuckets> counts{};  // [i]: above bound i - 1, up to bound i; the last: above all.
  std::uint64_t sum = 0;                            // Of all values.

  void add(std::uint64_t value, std::uint64_t times = 1) {
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), value);
    counts[static_cast<std::size_t>(bound - kBounds.begin())] += times;
    sum += value * times;
  }

  friend bool operator==(const Histogram&, const Histogram&) = default;
};

using TimeHistogram = Histogram<kTimeBounds_us>;
using CountHistogram = Histogram<kCountBounds>;

// Whole microseconds; what is before 0 counts as 0.
inline std::uint64_t whole_us(Duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return us > 0 ? static_cast<std::uint64_t>(us) : 0;
}

}  // namespace sluice
