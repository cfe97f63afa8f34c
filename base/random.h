// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11).
// The same (key, counter) gives the same numbers on every machine, thread and run, with no state in between.
#pragma once

#include <array>
#include <cstdint>

namespace sluice {

// Ten rounds of Philox4x32.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// Uniform in [0, 1), with 24 random bits: the draw for one output position of one choice of one request.
float uniform_at(std::uint64_t seed, std::uint32_t choice, std::uint32_t position);

// A small sequential generator for tests and jitter (SplitMix64). Not for anything that must not be guessed.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  // Uniform in [0, bound); bound > 0. The bias is below 2^-32 for bounds under 2^32.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double unit();

 private:
  std::uint64_t state_;
};

}  // namespace sluice
