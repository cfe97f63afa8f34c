// What transformers computes in float32 for some prompts (tests/golden), requests for the same, and how far from it an
// answer may be.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/pipeline/stage/pipeline_fixture.h"

namespace sluice::test {

// A prompt and what came of it.
struct GoldenCase {
  std::string name;
  std::vector<TokenId> ids;
  std::vector<double> prompt_logprobs;
  std::vector<TokenId> greedy;
  std::vector<double> margins;  // Of each greedy token, to the second best. Empty: unknown.
  // Logits after the prompt: those of the first tokens by size (storytellers), or of all.
  std::vector<std::pair<TokenId, double>> last_logits;
};

struct GoldenModel {
  std::string name;
  std::filesystem::path model_dir;
  std::vector<GoldenCase> cases;
};

// The demo models: examples/models/NAME, tests/golden/NAME.json.
GoldenModel storyteller(const std::string& name = "storyteller-llama");
// A small model of random weights: tests/golden/NAME.
GoldenModel random_model(const std::string& name);
// The names of those, in order.
std::vector<std::string> random_model_names();
// All of both.
std::vector<GoldenModel> golden_models();

// With log-probabilities of the prompt, of the output and of the `top` first choices.
Generation generation_of(const GoldenCase& golden, std::uint32_t max_tokens, std::uint32_t top = 8);

// Absolute differences of prompt log-probabilities, ascending. Fails the test where their numbers differ.
std::vector<double> prompt_differences(const Generation& found, const GoldenCase& golden);
// Of logits after the prompt, as far as the most probable tokens of the answer tell, over the largest magnitude of the
// golden ones.
double last_logits_difference(const Generation& found, const GoldenCase& golden);
// Greedy tokens equal up to the first one that transformers itself saw within 1e-2 of another.
void check_greedy(const Generation& found, const GoldenCase& golden);

}  // namespace sluice::test
