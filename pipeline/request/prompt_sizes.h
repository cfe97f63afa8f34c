// PromptSizes: how many tokens a prompt has, said before it is tokenized.
//
// Token ids count exactly. Text and chat are estimated by their bytes, each by a ratio of its own that follows the
// lengths which tokenized prompts turned out to have. Recent ones weigh more: the ratio is one of sums that are halved
// whenever they have grown.
//
// Owns: the sums.
// Confined: the ingress actor, inside its Ledger.
// Invariant: an estimate is 1 or more. Clients can bend the ratio by what they send, between 1 and 16 bytes per token.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/messages/client.h"

namespace sluice {

class PromptSizes {
 public:
  // What is remembered of a prompt until its length is known.
  struct Measure {
    std::uint8_t kind = 0;     // Index of Prompt's alternative.
    std::uint64_t bytes = 0;   // 0: nothing to learn from it.
    std::uint64_t tokens = 0;  // The estimate.
  };

  Measure measure(const Prompt& prompt) const;
  // The prompt had so many tokens; 0: nobody knows.
  void learn(const Measure& measure, std::uint64_t tokens);

 private:
  static constexpr double kBytesPerTokenFirst = 2;  // Too few for most texts: errs towards too many tokens.
  static constexpr double kBytesPerTokenMin = 1;
  static constexpr double kBytesPerTokenMax = 16;
  static constexpr double kWeightFirst_bytes = 4 << 10;
  static constexpr double kWeightMax_bytes = 1 << 20;

  struct Sums {
    double bytes = kWeightFirst_bytes;
    double tokens = kWeightFirst_bytes / kBytesPerTokenFirst;
  };

  std::array<Sums, std::variant_size_v<Prompt>> sums_;
};

}  // namespace sluice
