// Stages against what Hugging Face transformers computes in float32 (tests/golden).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/pipeline/stage/golden_cases.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using test::generation_of;
using test::Pipeline;
using test::read_cases;
using test::storyteller_cases;

double largest_difference(const std::vector<float>& found, const std::vector<double>& golden) {
  REQUIRE(found.size() == golden.size());
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(found[i]) - golden[i]));
  }
  return largest;
}

// Sanitizers make the scalar path some thirty times slower: there it computes the first case alone.
bool is_left_out(kernels::IsaPath path, std::size_t index) {
#ifdef __SANITIZE_ADDRESS__
  return path == kernels::IsaPath::kScalar && index > 0;
#else
  (void)path;
  (void)index;
  return false;
#endif
}

const auto kStoryteller = test::source_path("examples/models/storyteller-llama");

}  // namespace

TEST_SUITE("pipeline/stage golden") {
  TEST_CASE("storyteller in f32: prompt log-probabilities and greedy tokens on every path") {
    const auto golden = storyteller_cases();
    for (const auto path : kernels::available_isa_paths()) {
      CAPTURE(kernels::to_string(path));
      Pipeline pipeline({.model_dir = kStoryteller, .path = path});
      for (std::size_t i = 0; i < golden.size(); ++i) {
        if (is_left_out(path, i)) continue;
        const auto& expected = golden[i];
        CAPTURE(expected["text"].get<std::string>());
        auto generation = generation_of(expected, 64);
        pipeline.generate({&generation});
        CHECK(generation.output == expected["greedy"].get<std::vector<TokenId>>());
        CHECK(largest_difference(generation.prompt_logprobs, expected["prompt_logprobs"]) < 1e-4);
      }
    }
  }

  TEST_CASE("storyteller in f32: the most probable tokens after the prompt") {
    Pipeline pipeline({.model_dir = kStoryteller, .path = kernels::best_isa_path()});
    for (const auto& expected : storyteller_cases()) {
      auto generation = generation_of(expected, 1);
      pipeline.generate({&generation});

      const auto& top = generation.output_logprobs.at(0).top;
      REQUIRE(top.size() == 8);
      CHECK(generation.output_logprobs[0].logprob == top[0].logprob);
      for (std::size_t i = 0; i < 8; ++i) {
        CHECK(top[i].token == expected["last_top8"][i][0].get<TokenId>());
        // Golden are logits: their differences are those of log-probabilities.
        const double golden_gap = expected["last_top8"][0][1].get<double>() - expected["last_top8"][i][1].get<double>();
        CHECK(std::abs(static_cast<double>(top[0].logprob - top[i].logprob) - golden_gap) < 1e-3);
      }
    }
  }

  TEST_CASE("storyteller in f32 with bf16 weights in memory gives the same: the file is bf16") {
    Pipeline wide({.model_dir = kStoryteller, .path = kernels::best_isa_path()});
    Pipeline narrow({.model_dir = kStoryteller, .dtype = DType::kBF16, .path = kernels::best_isa_path()});
    auto first = generation_of(storyteller_cases()[0], 16);
    first.logprobs.digest = true;
    auto second = first;
    wide.generate({&first});
    narrow.generate({&second});
    CHECK(first.digests() == second.digests());
    CHECK(first.output == second.output);
  }

  TEST_CASE("storyteller in bf16: prompt log-probabilities on every path") {
    const auto golden = storyteller_cases();
    for (const auto path : kernels::available_isa_paths()) {
      CAPTURE(kernels::to_string(path));
      Pipeline pipeline({.model_dir = kStoryteller, .dtype = DType::kBF16, .compute = DType::kBF16, .path = path});
      for (std::size_t i = 0; i < golden.size(); ++i) {
        if (is_left_out(path, i)) continue;
        const auto& expected = golden[i];
        auto generation = generation_of(expected, 1);
        pipeline.generate({&generation});
        CHECK(largest_difference(generation.prompt_logprobs, expected["prompt_logprobs"]) < 5e-2);
      }
    }
  }

  TEST_CASE("llama-3 with scaled rotary embedding and a head of its own") {
    const auto dir = test::source_path("tests/golden/llama-3");
    const auto golden = read_cases(dir / "golden.json");
    for (const auto path : kernels::available_isa_paths()) {
      CAPTURE(kernels::to_string(path));
      Pipeline pipeline({.model_dir = dir, .path = path, .max_batch_tokens = 512});
      for (const auto& expected : golden["cases"]) {
        auto generation = generation_of(expected, 24);
        pipeline.generate({&generation});
        CHECK(largest_difference(generation.prompt_logprobs, expected["prompt_logprobs"]) < 1e-3);
        // Up to the first place where transformers itself saw the two best within 1e-2.
        for (std::size_t i = 0; i < 24; ++i) {
          const auto& greedy = expected["greedy_token_and_margin"][i];
          if (greedy[1].get<double>() < 1e-2) break;
          CHECK(generation.output[i] == greedy[0].get<TokenId>());
        }
      }
    }
  }
}

}  // namespace sluice
