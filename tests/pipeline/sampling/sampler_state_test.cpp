#include "pipeline/sampling/sampler_state.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "base/random.h"

namespace sluice {

TEST_SUITE("pipeline/sampling/sampler_state") {
  TEST_CASE("a rebuilt state equals the one that grew token by token") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      SplitMix64 random(seed);
      SamplingParams params;
      if (random.below(2) == 0) params.repetition_penalty = 1.2f;
      if (random.below(2) == 0) params.frequency_penalty = 0.5f;
      const auto prompt_tokens = static_cast<std::uint32_t>(1 + random.below(20));
      std::vector<TokenId> tokens(prompt_tokens + random.below(20));
      for (auto& token : tokens) token = static_cast<TokenId>(random.below(10));

      SamplerState grown(params, seed, prompt_tokens);
      for (std::size_t done = 0; done < tokens.size();) {
        const auto count = std::min<std::size_t>(tokens.size() - done, 1 + random.below(5));
        grown.append(std::span(tokens).subspan(done, count));
        done += count;
      }
      SamplerState rebuilt(params, seed, prompt_tokens);
      rebuilt.append(tokens);

      CHECK(grown == rebuilt);
      CHECK(rebuilt.num_tokens() == tokens.size());
    }
  }

  TEST_CASE("prompt and output are counted apart") {
    SamplingParams params;
    params.presence_penalty = 1.0f;
    SamplerState state(params, 0, 3);

    state.append(std::vector<TokenId>{7, 8, 7, 8, 9, 9});

    CHECK(state.occurrences().at(7) == SamplerState::Occurrences{true, 0});
    CHECK(state.occurrences().at(8) == SamplerState::Occurrences{true, 1});
    CHECK(state.occurrences().at(9) == SamplerState::Occurrences{false, 2});
  }

  TEST_CASE("nothing is counted where no penalty asks for it") {
    SamplerState state(SamplingParams{}, 0, 3);
    state.append(std::vector<TokenId>{7, 8, 7});
    CHECK(state.occurrences().empty());
    CHECK(state.num_tokens() == 3);
  }

  TEST_CASE("parameters out of range are refused by name") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const auto message = [](auto change) {
      SamplingParams params;
      change(params);
      const auto checked = check_sampling_params(params, 100);
      return checked.ok() ? std::string("ok") : checked.error().message;
    };
    CHECK(message([](SamplingParams&) {}) == "ok");
    CHECK(message([](SamplingParams& p) { p.temperature = 100.0f; }) == "ok");
    CHECK(message([](SamplingParams& p) { p.top_p = 1e-30f; }) == "ok");
    CHECK(message([](SamplingParams& p) { p.logit_bias = {{99, -100.0f}}; }) == "ok");
    CHECK(message([](SamplingParams& p) { p.temperature = -0.1f; }).find("temperature") == 0);
    CHECK(message([&](SamplingParams& p) { p.temperature = nan; }).find("temperature") == 0);
    CHECK(message([](SamplingParams& p) { p.top_p = 0.0f; }).find("top_p") == 0);
    CHECK(message([](SamplingParams& p) { p.top_p = 1.01f; }).find("top_p") == 0);
    CHECK(message([](SamplingParams& p) { p.min_p = 2.0f; }).find("min_p") == 0);
    CHECK(message([](SamplingParams& p) { p.repetition_penalty = 0.0f; }).find("repetition_penalty") == 0);
    CHECK(message([](SamplingParams& p) { p.presence_penalty = 2.1f; }).find("presence_penalty") == 0);
    CHECK(message([&](SamplingParams& p) { p.frequency_penalty = nan; }).find("frequency_penalty") == 0);
    CHECK(message([](SamplingParams& p) { p.logit_bias = {{100, 0.0f}}; }).find("logit_bias") == 0);
    CHECK(message([](SamplingParams& p) { p.logit_bias = {{-1, 0.0f}}; }).find("logit_bias") == 0);
    CHECK(message([](SamplingParams& p) { p.logit_bias = {{1, 101.0f}}; }).find("logit_bias") == 0);
  }
}

}  // namespace sluice
