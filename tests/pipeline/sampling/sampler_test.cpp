#include "pipeline/sampling/sampler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "base/random.h"

namespace sluice {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(SplitMix64& random, std::size_t size, double spread, bool with_ties) {
  std::vector<float> logits(size);
  for (auto& logit : logits) {
    logit = static_cast<float>((random.unit() - 0.5) * spread);
    if (with_ties) logit = std::round(logit);
  }
  return logits;
}

// The set that the filters keep, by a complete sort and the C library's exponential.
std::set<TokenId> kept_by_reference(const SamplingParams& params, const std::vector<float>& logits) {
  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto at = [&](TokenId token) { return static_cast<double>(logits[static_cast<std::size_t>(token)]); };
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) { return at(a) > at(b); });
  if (params.top_k > 0 && params.top_k < order.size()) order.resize(params.top_k);

  const double maximum = at(order.front());
  const auto weight = [&](TokenId token) {
    return std::exp((at(token) - maximum) / static_cast<double>(params.temperature));
  };
  if (params.top_p < 1.0f) {
    double total = 0;
    for (const TokenId token : order) total += weight(token);
    double sum = 0;
    std::size_t kept = 0;
    while (kept < order.size() && sum < static_cast<double>(params.top_p) * total) sum += weight(order[kept++]);
    order.resize(std::max<std::size_t>(kept, 1));
  }
  std::set<TokenId> kept;
  for (const TokenId token : order) {
    if (weight(token) >= static_cast<double>(params.min_p)) kept.insert(token);
  }
  return kept;
}

std::set<TokenId> kept_by_sampler(const SamplingParams& params, const std::vector<float>& logits) {
  Sampler sampler(static_cast<std::uint32_t>(logits.size()));
  std::set<TokenId> kept;
  TokenId last = -1;
  for (const auto& candidate : sampler.candidates(SamplerState(params, 0, 1), logits)) {
    CHECK(candidate.token > last);
    last = candidate.token;
    kept.insert(candidate.token);
  }
  return kept;
}

TokenId sample_once(const SamplingParams& params, const std::vector<float>& logits, std::uint64_t seed = 1,
                    const std::vector<TokenId>& prompt = {0}, const std::vector<TokenId>& output = {}) {
  SamplerState state(params, seed, static_cast<std::uint32_t>(prompt.size()));
  state.append(prompt);
  state.append(output);
  return Sampler(static_cast<std::uint32_t>(logits.size())).sample(state, logits);
}

SamplingParams greedy() {
  SamplingParams params;
  params.temperature = 0.0f;
  return params;
}

}  // namespace

TEST_SUITE("pipeline/sampling/sampler") {
  TEST_CASE("greedy takes the largest logit and the lowest id on a tie") {
    CHECK(sample_once(greedy(), {1, 5, 3}) == 1);
    CHECK(sample_once(greedy(), {1, 5, 3, 5}) == 1);
    CHECK(sample_once(greedy(), {2, 2, 2}) == 0);
    CHECK(sample_once(greedy(), {-3}) == 0);
  }

  TEST_CASE("the filters keep what a naive reference keeps") {
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      CAPTURE(seed);
      SplitMix64 random(seed);
      const auto size = 1 + random.below(seed % 4 == 0 ? 3000 : 60);
      const auto logits = random_logits(random, size, 30.0, random.below(3) == 0);
      SamplingParams params;
      params.temperature = static_cast<float>(0.3 + random.unit() * 2.0);
      if (random.below(2) == 0) params.top_k = static_cast<std::uint32_t>(1 + random.below(size + 5));
      if (random.below(2) == 0) params.top_p = static_cast<float>(0.01 + random.unit() * 0.98);
      if (random.below(2) == 0) params.min_p = static_cast<float>(random.unit() * 0.5);

      CHECK(kept_by_sampler(params, logits) == kept_by_reference(params, logits));
    }
  }

  TEST_CASE("top_p keeps a flat vocabulary up to the exact share") {
    SamplingParams params;
    params.top_p = 0.5f;
    const std::vector<float> flat(1000, 1.0f);
    const auto kept = kept_by_sampler(params, flat);
    CHECK(kept.size() == 500);
    CHECK(*kept.rbegin() == 499);
  }

  TEST_CASE("top_k 1 equals greedy") {
    SamplingParams params;
    params.top_k = 1;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      SplitMix64 random(seed);
      const auto logits = random_logits(random, 1 + random.below(500), 10.0, seed % 2 == 0);
      CHECK(sample_once(params, logits, seed) == sample_once(greedy(), logits));
    }
  }

  TEST_CASE("a tiny top_p and a temperature close to zero equal greedy") {
    SplitMix64 random(3);
    const auto logits = random_logits(random, 300, 10.0, false);
    SamplingParams tiny;
    tiny.top_p = 1e-30f;
    SamplingParams cold;
    cold.temperature = 1e-40f;
    SamplingParams certain;
    certain.min_p = 1.0f;
    CHECK(sample_once(tiny, logits) == sample_once(greedy(), logits));
    CHECK(sample_once(cold, logits) == sample_once(greedy(), logits));
    CHECK(sample_once(certain, logits) == sample_once(greedy(), logits));
  }

  TEST_CASE("draws are distributed as the softmax of the logits") {
    const std::vector<float> logits = {0.0f, 1.0f, 2.0f, -1.0f};
    SamplingParams params;
    params.temperature = 0.8f;
    Sampler sampler(4);
    constexpr int kDraws = 40000;
    std::vector<int> counts(4, 0);
    for (int i = 0; i < kDraws; ++i) {
      SamplerState state(params, static_cast<std::uint64_t>(i), 1);
      ++counts[static_cast<std::size_t>(sampler.sample(state, logits))];
    }

    double total = 0;
    for (const float logit : logits) total += std::exp(static_cast<double>(logit) / 0.8);
    // Chi-squared with 3 degrees of freedom; 21.1 is passed by chance once in 10,000. The seeds are fixed.
    double chi_squared = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const double expected = kDraws * std::exp(static_cast<double>(logits[i]) / 0.8) / total;
      chi_squared += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    CHECK(chi_squared < 21.1);
  }

  TEST_CASE("weights are those of the softmax to eleven digits") {
    SplitMix64 random(9);
    const auto logits = random_logits(random, 2000, 100.0, false);
    Sampler sampler(2000);
    const double maximum = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    for (const auto& candidate : sampler.candidates(SamplerState({}, 0, 1), logits)) {
      const double exact = std::exp(static_cast<double>(candidate.logit) - maximum);
      CHECK(std::abs(candidate.weight - exact) <= 2e-11 * exact);
    }
  }

  TEST_CASE("seed and choice and position each change the draw and nothing else does") {
    const std::vector<float> logits(1000, 0.0f);
    Sampler sampler(1000);
    const auto draws = [&](std::uint64_t seed, std::uint32_t choice) {
      SamplingParams params;
      params.choice = choice;
      SamplerState state(params, seed, 1);
      std::vector<TokenId> tokens;
      for (int i = 0; i < 16; ++i) {
        state.append(std::vector<TokenId>{0});
        tokens.push_back(sampler.sample(state, logits));
      }
      return tokens;
    };
    CHECK(draws(1, 0) == draws(1, 0));
    CHECK(draws(1, 0) != draws(2, 0));
    CHECK(draws(1, 0) != draws(1, 1));
    const auto tokens = draws(1, 0);
    CHECK(std::set<TokenId>(tokens.begin(), tokens.end()).size() > 8);
  }

  TEST_CASE("a filter that keeps everything does not change the draw") {
    SplitMix64 random(5);
    const auto logits = random_logits(random, 200, 8.0, false);
    SamplingParams all;
    all.top_k = 200;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      CHECK(sample_once(all, logits, seed) == sample_once({}, logits, seed));
    }
  }

  TEST_CASE("bias is added before anything else") {
    auto params = greedy();
    params.logit_bias = {{2, 10.0f}};
    CHECK(sample_once(params, {1, 5, 3}) == 2);
    params.logit_bias = {{1, -100.0f}};
    CHECK(sample_once(params, {1, 5, 3}) == 2);
    params.logit_bias = {{0, 3.0f}, {0, 3.0f}};
    CHECK(sample_once(params, {1, 5, 3}) == 0);
  }

  TEST_CASE("repetition penalty divides positive and multiplies negative logits of prompt and output") {
    auto params = greedy();
    params.repetition_penalty = 2.0f;
    CHECK(sample_once(params, {4, 3, 1}, 1, {0}) == 1);
    CHECK(sample_once(params, {4, 3, 1}, 1, {2}, {0, 0}) == 1);
    CHECK(sample_once(params, {4, 3, 2.5}, 1, {0, 1}) == 2);
    CHECK(sample_once(params, {-1, -1.5, -9}, 1, {0}) == 1);
  }

  TEST_CASE("presence and frequency penalties look at the output alone") {
    auto presence = greedy();
    presence.presence_penalty = 2.0f;
    CHECK(sample_once(presence, {4, 3, 1}, 1, {0, 0}) == 0);
    CHECK(sample_once(presence, {4, 3, 1}, 1, {2}, {0}) == 1);
    CHECK(sample_once(presence, {6, 3, 1}, 1, {2}, {0, 0, 0}) == 0);
    auto frequency = greedy();
    frequency.frequency_penalty = 1.5f;
    CHECK(sample_once(frequency, {6, 3, 1}, 1, {2}, {0}) == 0);
    CHECK(sample_once(frequency, {6, 3, 1}, 1, {2}, {0, 0, 0}) == 1);
    frequency.frequency_penalty = -2.0f;
    CHECK(sample_once(frequency, {2, 3, 1}, 1, {2}, {0}) == 0);
  }

  TEST_CASE("logits that are no numbers have a defined result") {
    for (const float temperature : {0.0f, 0.7f}) {
      SamplingParams params;
      params.temperature = temperature;
      params.top_p = 0.9f;
      CHECK(sample_once(params, {kNan, kNan, kNan}) == 0);
      CHECK(sample_once(params, {-kInfinity, -kInfinity}) == 0);
      CHECK(sample_once(params, {kNan, 1, -kInfinity}) == 1);
      CHECK(sample_once(params, {1, kInfinity, 5}) == 1);
    }
    SamplingParams params;
    params.repetition_penalty = 1e-38f;
    params.presence_penalty = -2.0f;
    params.logit_bias = {{1, 100.0f}, {2, -100.0f}};
    const auto token = sample_once(params, {1e38f, kInfinity, -kInfinity, -1e38f}, 1, {0}, {1, 1, 2, 3});
    CHECK((token == 0 || token == 1));
  }

  TEST_CASE("a vocabulary of 128 Ki tokens goes through every filter") {
    SplitMix64 random(11);
    const auto logits = random_logits(random, 128 * 1024, 20.0, false);
    SamplingParams params;
    params.top_p = 0.95f;
    params.min_p = 0.001f;
    CHECK(kept_by_sampler(params, logits) == kept_by_reference(params, logits));
    params.top_k = 50;
    CHECK(kept_by_sampler(params, logits) == kept_by_reference(params, logits));
  }
}

}  // namespace sluice
