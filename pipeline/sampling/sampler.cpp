#include "pipeline/sampling/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/random.h"

namespace sluice {
namespace {

using Candidate = Sampler::Candidate;

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kNothing = -std::numeric_limits<float>::infinity();

float cleaned(float logit) {
  if (std::isnan(logit)) return kNothing;
  return std::min(logit, kLargest);
}

// exp(x) for x <= 0 in plain double arithmetic, to a relative error of 1e-11: x = k ln 2 + r with |r| <= ln 2 / 2, and
// a Taylor polynomial of exp(r). Zero below -700. The C library's differs between machines with and without FMA.
double exponential(double x) {
  if (!(x > -700.0)) return 0.0;
  constexpr double kInverseLn2 = 1.4426950408889634;
  constexpr double kLn2High = 6.93147180369123816490e-01;  // ln 2 in two parts: k times the first is exact.
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  const auto k = static_cast<std::int64_t>(x * kInverseLn2 - 0.5);
  const auto steps = static_cast<double>(k);
  const double r = (x - steps * kLn2High) - steps * kLn2Low;
  constexpr double kInverseFactorials[] = {1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120,
                                           1.0 / 24,     1.0 / 6,     0.5,        1.0,       1.0};
  double sum = 0.0;
  for (const double coefficient : kInverseFactorials) sum = sum * r + coefficient;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

bool is_better(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

bool has_lower_id(const Candidate& a, const Candidate& b) {
  return a.token < b.token;
}

double total_weight(std::span<const Candidate> candidates) {
  double total = 0.0;
  for (const auto& candidate : candidates) total += candidate.weight;
  return total;
}

}  // namespace

Sampler::Sampler(std::uint32_t vocab_size) {
  SLUICE_CHECK_GE(vocab_size, 1u);
  logits_.resize(vocab_size);
  candidates_.reserve(vocab_size);
}

TokenId Sampler::sample(const SamplerState& state, std::span<const float> logits) {
  const TokenId best = adjust(state, logits);
  if (state.params().temperature == 0.0f) return best;
  filter(state.params(), best);
  const double target = total_weight(candidates_) *
                        static_cast<double>(uniform_at(state.seed(), state.params().choice, state.num_tokens()));
  double sum = 0.0;
  for (const auto& candidate : candidates_) {
    sum += candidate.weight;
    if (sum > target) return candidate.token;
  }
  return candidates_.back().token;
}

std::span<const Candidate> Sampler::candidates(const SamplerState& state, std::span<const float> logits) {
  const TokenId best = adjust(state, logits);
  if (state.params().temperature == 0.0f) {
    candidates_.assign(1, {logits_[static_cast<std::size_t>(best)], best, 1.0});
  } else {
    filter(state.params(), best);
  }
  return candidates_;
}

TokenId Sampler::adjust(const SamplerState& state, std::span<const float> logits) {
  SLUICE_CHECK_EQ(logits.size(), logits_.size());
  const auto& params = state.params();
  std::transform(logits.begin(), logits.end(), logits_.begin(), cleaned);
  const auto in_vocabulary = [&](TokenId token) {
    return token >= 0 && static_cast<std::size_t>(token) < logits_.size();
  };
  for (const auto& [token, bias] : params.logit_bias) {
    if (in_vocabulary(token)) logits_[static_cast<std::size_t>(token)] += bias;
  }
  // Each token by itself: the order of the map does not matter.
  for (const auto& [token, seen] : state.occurrences()) {
    if (!in_vocabulary(token)) continue;
    float& logit = logits_[static_cast<std::size_t>(token)];
    logit = logit > 0.0f ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    if (seen.in_output > 0) {
      logit -= params.presence_penalty;
      logit -= params.frequency_penalty * static_cast<float>(seen.in_output);
    }
    logit = cleaned(logit);
  }
  return static_cast<TokenId>(std::max_element(logits_.begin(), logits_.end()) - logits_.begin());
}

void Sampler::filter(const SamplingParams& params, TokenId best) {
  candidates_.clear();
  const float maximum = logits_[static_cast<std::size_t>(best)];
  if (maximum == kNothing) {
    candidates_.push_back({maximum, best, 1.0});
    return;
  }
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    if (logits_[i] != kNothing) candidates_.push_back({logits_[i], static_cast<TokenId>(i), 0.0});
  }
  if (params.top_k > 0) keep_top_k(params.top_k);
  const double scale = 1.0 / static_cast<double>(params.temperature);
  for (auto& candidate : candidates_) {
    candidate.weight = exponential((static_cast<double>(candidate.logit) - static_cast<double>(maximum)) * scale);
  }
  std::erase_if(candidates_, [](const Candidate& candidate) { return candidate.weight == 0.0; });
  if (params.top_p < 1.0f) keep_top_p(params.top_p);
  const auto min_p = static_cast<double>(params.min_p);
  std::erase_if(candidates_, [min_p](const Candidate& candidate) { return candidate.weight < min_p; });
}

// Leaves them in the order of their ids.
void Sampler::keep_top_k(std::uint32_t top_k) {
  if (top_k >= candidates_.size()) return;
  std::nth_element(candidates_.begin(), candidates_.begin() + top_k, candidates_.end(), is_better);
  candidates_.resize(top_k);
  std::sort(candidates_.begin(), candidates_.end(), has_lower_id);
}

// Leaves them in the order of their ids.
void Sampler::keep_top_p(float top_p) {
  const double total = total_weight(candidates_);
  const double target = static_cast<double>(top_p) * total;
  // All tokens lighter than (total - target) / n together weigh less than what may be left out, so that the prefix ends
  // before them; half of it leaves room for rounding. Of a large vocabulary few tokens remain to be sorted.
  const double floor = 0.5 * (total - target) / static_cast<double>(candidates_.size());
  std::erase_if(candidates_, [floor](const Candidate& candidate) { return candidate.weight < floor; });

  // Sorted in windows that grow, as far as needed.
  constexpr std::size_t kFirstWindow = 64;
  double sum = 0.0;
  std::size_t kept = 0;
  for (std::size_t sorted = 0; kept < candidates_.size() && sum < target;) {
    const std::size_t end = std::min(candidates_.size(), std::max(kFirstWindow, sorted * 4));
    const auto from = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto to = candidates_.begin() + static_cast<std::ptrdiff_t>(end);
    if (to != candidates_.end()) std::nth_element(from, to, candidates_.end(), is_better);
    std::sort(from, to, is_better);
    for (; kept < end && sum < target; ++kept) sum += candidates_[kept].weight;
    sorted = end;
  }
  candidates_.resize(std::max<std::size_t>(kept, 1));
  std::sort(candidates_.begin(), candidates_.end(), has_lower_id);
}

}  // namespace sluice
