// A model with known answers: the next token is a hash of the sequence's seed and of every token before it, so a single
// wrong, missing or foreign token in the cache changes all that follows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/id.h"
#include "base/messages/pipeline.h"
#include "base/random.h"
#include "pipeline/schedule/scheduler_config.h"

namespace sluice::fake_model {

inline std::uint64_t fold(std::uint64_t hash, TokenId token) {
  return SplitMix64(hash ^ (static_cast<std::uint64_t>(token) + 1)).next();
}

inline TokenId next_token(std::uint64_t seed, std::span<const TokenId> tokens, std::uint32_t vocab_size) {
  std::uint64_t hash = seed;
  for (const TokenId token : tokens) hash = fold(hash, token);
  return static_cast<TokenId>(hash % vocab_size);
}

inline float prompt_logprob(std::uint64_t seed, std::uint32_t position) {
  return -static_cast<float>((seed + position) % 1000);
}

// What the sequence generates when it is alone and undisturbed, and why it ends.
struct Expected {
  std::vector<TokenId> output;
  FinishReason reason = FinishReason::kLength;
};

inline Expected generate_alone(const SequenceStart& start, const SchedulerConfig& config) {
  const auto is_in = [](const std::vector<TokenId>& ids, TokenId token) {
    for (const TokenId id : ids) {
      if (id == token) return true;
    }
    return false;
  };
  Expected expected;
  std::vector<TokenId> tokens = start.prompt_ids;
  while (expected.output.size() < start.spec.max_tokens && tokens.size() < config.context_tokens) {
    const TokenId token = next_token(start.spec.seed, tokens, config.vocab_size);
    if (is_in(start.spec.stop_token_ids, token) || (!start.spec.ignore_eos && is_in(config.eos_ids, token))) {
      expected.reason = FinishReason::kStop;
      break;
    }
    tokens.push_back(token);
    expected.output.push_back(token);
  }
  return expected;
}

}  // namespace sluice::fake_model
