// What transformers computes in float32 for some prompts (tests/golden), and requests for the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/pipeline/stage/pipeline_fixture.h"

namespace sluice::test {

// Fails the test where the file cannot be read.
nlohmann::json read_cases(const std::filesystem::path& path);
// Of storyteller-llama.
nlohmann::json storyteller_cases();

// With log-probabilities of the prompt, of the output and of the `top` first choices.
Generation generation_of(const nlohmann::json& golden, std::uint32_t max_tokens, std::uint32_t top = 8);

}  // namespace sluice::test
