// The model with known answers, `weights = "mock"`: what it says and how long it takes, to test everything around the
// kernels at high rates. Whoever knows the seed of a request (it is in Accepted) can compute what it must get.
//
//   token          at position p of a sequence with seed s and choice c: floor(w0 * vocab_size / 2^32)
//   digest         of the logits behind that token: w1 * 2^32 + w2
//                  where (w0, w1, w2, w3) = philox4x32-10, counter (p, c, 1, 0), key (s mod 2^32, floor(s / 2^32))
//   log-probability of a sampled token: 0 (the mock is certain, and names no other); of a prompt token t: -t
//   hidden state   of token t at position p: all hidden_size elements are floor(v0 / 2^8) / 2^24
//                  where (v0, ...) = philox4x32-10, counter (p, t, 2, 0), key (0, 0)
//
// Positions count from the first prompt token, so the first output token is at prompt_tokens. Sampling parameters other
// than `choice` do not matter. The third word of the counters keeps these draws apart from those of base/random.h.
#pragma once

#include <cstdint>

#include "base/id.h"

namespace sluice {

// What a step costs on each stage: step_us + token_us * (tokens of the micro-batch).
struct MockCosts {
  std::uint32_t step_us = 0;
  std::uint32_t token_us = 0;

  friend bool operator==(const MockCosts&, const MockCosts&) = default;
};

// In [0, vocab_size), which is positive.
TokenId mock_token(std::uint64_t seed, std::uint32_t choice, std::uint32_t position, std::uint32_t vocab_size);
std::uint64_t mock_digest(std::uint64_t seed, std::uint32_t choice, std::uint32_t position);
// In [0, 1).
float mock_hidden_state(TokenId token, std::uint32_t position);

}  // namespace sluice
