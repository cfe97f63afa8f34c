// Compares what a replay gave with what was recorded, request by request. docs/RECORDING.md has the rules.
//
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/replay/script.h"
#include "load/replay/transcript.h"

namespace sluice::load {

struct VerifySettings {
  // Between log-probabilities; 0: equal to the bit. Above it the digests of the logits are not compared.
  double logprob_tolerance = 0;
};

enum class Verdict : std::uint8_t {
  kEqual,        // Tokens, text, log-probabilities, end.
  kEqualSoFar,   // One's tokens are the beginning of the other's, where the end was a matter of time.
  kNotCompared,  // The recording has no result for it.
  kDifferent,
};

struct Comparison {
  Verdict verdict = Verdict::kEqual;
  std::string difference;  // A sentence: the first one.
};

Comparison compare(const Transcript& recorded, const Transcript& replayed, const RequestFacts& facts,
                   const VerifySettings& settings);

struct VerifyReport {
  std::uint64_t equal = 0;
  std::uint64_t equal_so_far = 0;
  std::uint64_t not_compared = 0;
  std::uint64_t different = 0;
  std::string first_difference;  // Which request, and what.

  // Something was compared, and nothing differs.
  bool is_proof() const { return different == 0 && equal + equal_so_far > 0; }
};

VerifyReport verify(const ReplayScript& script, const std::vector<Transcript>& replayed,
                    const VerifySettings& settings);

}  // namespace sluice::load
