// What the sampler remembers of one sequence: how often each token occurred. A pure function of the sampling parameters
// and the tokens so far, so that it can be rebuilt anywhere from prompt and output ids.
//
// Owns:     the counts. Confined: to the stage that samples.
// Units:    positions are tokens from the beginning of the prompt.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

#include "base/error.h"
#include "base/id.h"
#include "base/messages/client.h"

namespace sluice {

// Whether every parameter is within the range that base/messages/client.h gives it, biased tokens within the
// vocabulary. Else kInvalidRequest, naming the parameter.
Result<void> check_sampling_params(const SamplingParams& params, std::uint32_t vocab_size);

class SamplerState {
 public:
  // `params` have passed check_sampling_params. Tokens at positions below prompt_tokens are prompt, the others output.
  SamplerState(SamplingParams params, std::uint64_t seed, std::uint32_t prompt_tokens);

  // The next tokens of the sequence, in order.
  void append(std::span<const TokenId> tokens);

  const SamplingParams& params() const { return params_; }
  std::uint64_t seed() const { return seed_; }
  std::uint32_t prompt_tokens() const { return prompt_tokens_; }
  // Also the position of the token that is sampled next.
  std::uint32_t num_tokens() const { return num_tokens_; }

  struct Occurrences {
    bool in_prompt = false;
    std::uint32_t in_output = 0;

    friend bool operator==(const Occurrences&, const Occurrences&) = default;
  };
  // Empty where no penalty asks for it.
  const std::unordered_map<TokenId, Occurrences>& occurrences() const { return occurrences_; }

  friend bool operator==(const SamplerState&, const SamplerState&) = default;

 private:
  SamplingParams params_;
  std::uint64_t seed_ = 0;
  std::uint32_t prompt_tokens_ = 0;
  std::uint32_t num_tokens_ = 0;
  std::unordered_map<TokenId, Occurrences> occurrences_;
};

}  // namespace sluice
