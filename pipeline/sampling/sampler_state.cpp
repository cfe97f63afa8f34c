#include "pipeline/sampling/sampler_state.h"

#include <limits>
#include <string>

namespace sluice {
namespace {

Result<void> check_range(const char* name, float value, float min, float max) {
  // Written so that NaN fails.
  if (value >= min && value <= max) return {};
  return Error{ErrorCode::kInvalidRequest, std::string(name) + " is " + std::to_string(value) + ", allowed are " +
                                               std::to_string(min) + " to " + std::to_string(max)};
}

bool needs_occurrences(const SamplingParams& params) {
  return params.repetition_penalty != 1.0f || params.presence_penalty != 0.0f || params.frequency_penalty != 0.0f;
}

}  // namespace

Result<void> check_sampling_params(const SamplingParams& params, std::uint32_t vocab_size) {
  constexpr float kSmallest = std::numeric_limits<float>::denorm_min();  // For ranges that exclude 0.
  struct Limit {
    const char* name;
    float value;
    float min;
    float max;
  };
  const Limit limits[] = {{"temperature", params.temperature, 0.0f, 100.0f},
                          {"top_p", params.top_p, kSmallest, 1.0f},
                          {"min_p", params.min_p, 0.0f, 1.0f},
                          {"repetition_penalty", params.repetition_penalty, kSmallest, 100.0f},
                          {"presence_penalty", params.presence_penalty, -2.0f, 2.0f},
                          {"frequency_penalty", params.frequency_penalty, -2.0f, 2.0f}};
  for (const auto& limit : limits) {
    if (auto checked = check_range(limit.name, limit.value, limit.min, limit.max); !checked.ok()) return checked;
  }
  for (const auto& [token, bias] : params.logit_bias) {
    if (token < 0 || static_cast<std::uint32_t>(token) >= vocab_size) {
      return Error{ErrorCode::kInvalidRequest, "logit_bias names token " + std::to_string(token) +
                                                   ", the vocabulary has " + std::to_string(vocab_size)};
    }
    if (auto checked = check_range("logit_bias", bias, -100.0f, 100.0f); !checked.ok()) return checked;
  }
  return {};
}

SamplerState::SamplerState(SamplingParams params, std::uint64_t seed, std::uint32_t prompt_tokens)
    : params_(std::move(params)), seed_(seed), prompt_tokens_(prompt_tokens) {}

void SamplerState::append(std::span<const TokenId> tokens) {
  const bool counts = needs_occurrences(params_);
  for (const TokenId token : tokens) {
    if (counts) {
      auto& seen = occurrences_[token];
      if (num_tokens_ < prompt_tokens_) {
        seen.in_prompt = true;
      } else {
        ++seen.in_output;
      }
    }
    ++num_tokens_;
  }
}

}  // namespace sluice
