// Admission: the credits that bound how many requests the engine works on, and the hint to those who got none.
//
// Owns: the count of taken credits and the times of recent completions.
// Confined: the ingress actor, inside its Ledger.
// Units: milliseconds for the hint.
// Invariant: 0 <= taken() <= max_requests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace sluice {

class Admission {
 public:
  static constexpr std::uint32_t kRetryMin_ms = 50;
  static constexpr std::uint32_t kRetryMax_ms = 30'000;
  static constexpr std::uint32_t kRetryUnknown_ms = 1'000;  // Before anything has completed.

  explicit Admission(std::uint32_t max_requests);

  // Takes a credit; false if none is free.
  bool take();
  void give_back(TimePoint now);

  // When a credit is likely to be free for whoever is refused now: the recent mean time between completions, times the
  // number of those refused since the last completion, so that they do not all come back for the one credit.
  std::uint32_t refuse(TimePoint now);

  std::uint32_t taken() const { return taken_; }

 private:
  static constexpr std::size_t kRecent = 16;

  std::uint32_t max_requests_;
  std::uint32_t taken_ = 0;
  std::uint64_t refused_ = 0;  // Since the last completion.
  std::uint64_t completed_ = 0;
  std::array<TimePoint, kRecent> completions_{};  // A ring; completion n lies at n % kRecent.
};

}  // namespace sluice
