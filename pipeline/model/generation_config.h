// What a model's authors recommend for sampling: generation_config.json, which a model directory may lack.
//
// Errors: kModelLoadFailed, naming file and key.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/messages/client.h"
#include "pipeline/model/model_config.h"

namespace sluice {

struct GenerationDefaults {
  SamplingParams sampling;             // do_sample false is temperature 0; what is not named keeps its default.
  std::vector<TokenId> eos_token_ids;  // Of generation_config.json, else of config.json.
};

// Parses the text of a generation_config.json. `name` stands for the file in errors.
Result<GenerationDefaults> parse_generation_config(std::string_view json, const ModelConfig& model,
                                                   std::string_view name = "generation_config.json");

// Reads model_dir/generation_config.json; without one, the defaults are SamplingParams{} and the model's own ends.
Result<GenerationDefaults> load_generation_defaults(const std::filesystem::path& model_dir, const ModelConfig& model);

}  // namespace sluice
