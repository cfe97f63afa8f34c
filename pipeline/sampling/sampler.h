// Chooses the next token of a sequence from its logits, by the steps of SamplingParams (base/messages/client.h).
//
// After penalties and temperature a token has the weight w = exp((logit - maximum) / temperature), 1 for the best. The
// filters keep tokens by the total order (logit descending, id ascending):
//   top_k  the k first;
//   top_p  the shortest prefix whose weights reach top_p times the sum of all that top_k left;
//   min_p  those with w >= min_p.
// The first always stays; a token of weight 0 never does. The draw walks the kept tokens in the order of their ids
// until their running sum exceeds uniform_at(seed, choice, position) times their total.
//
// Owns:      scratch memory for one row of logits. Confined: to one thread at a time.
// Errors:    none: NaN counts as minus infinity, plus infinity as the largest finite number; where every logit is minus
//            infinity the token is 0.
// Invariant: the token depends on the state and the logits alone. Sums are in double and in fixed order, and the
//            exponential is ours, so that no two machines differ in its last bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/id.h"
#include "pipeline/sampling/sampler_state.h"

namespace sluice {

class Sampler {
 public:
  explicit Sampler(std::uint32_t vocab_size);

  // The token at position state.num_tokens(). `logits` has vocab_size elements.
  TokenId sample(const SamplerState& state, std::span<const float> logits);

  struct Candidate {
    float logit = 0;  // With bias and penalties, before temperature.
    TokenId token = 0;
    double weight = 0;  // Relative to the most probable token.
  };
  // The tokens that may be drawn, in the order of their ids; 1 or more. Valid until the next call.
  std::span<const Candidate> candidates(const SamplerState& state, std::span<const float> logits);

 private:
  // Fills logits_ with bias and penalties applied; returns the token to take with temperature 0.
  TokenId adjust(const SamplerState& state, std::span<const float> logits);
  void keep_top_k(std::uint32_t top_k);
  void keep_top_p(float top_p);
  void filter(const SamplingParams& params, TokenId best);

  std::vector<float> logits_;
  std::vector<Candidate> candidates_;
};

}  // namespace sluice
