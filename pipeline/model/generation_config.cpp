#include "pipeline/model/generation_config.h"

#include "pipeline/model/json_reader.h"

namespace sluice {

Result<GenerationDefaults> parse_generation_config(std::string_view text, const ModelConfig& model,
                                                   std::string_view name) {
  auto json = JsonReader::parse(text, name);
  if (!json.ok()) return json.error();
  GenerationDefaults defaults;
  auto& sampling = defaults.sampling;
  sampling.temperature = json->number("temperature", 0.0, 100.0, sampling.temperature);
  sampling.top_k = static_cast<std::uint32_t>(json->unsigned_integer("top_k", 0, kVocabSizeMax, sampling.top_k));
  sampling.top_p = json->number("top_p", 1e-6, 1.0, sampling.top_p);
  sampling.min_p = json->number("min_p", 0.0, 1.0, sampling.min_p);
  sampling.repetition_penalty = json->number("repetition_penalty", 1e-6, 100.0, sampling.repetition_penalty);
  if (!json->flag("do_sample", true)) sampling.temperature = 0.0f;
  defaults.eos_token_ids = json->token_ids("eos_token_id", model.vocab_size, kEosTokensMax);
  if (defaults.eos_token_ids.empty()) defaults.eos_token_ids = model.eos_token_ids;
  if (json->error().has_value()) return *json->error();
  return defaults;
}

Result<GenerationDefaults> load_generation_defaults(const std::filesystem::path& model_dir, const ModelConfig& model) {
  const auto path = model_dir / "generation_config.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return GenerationDefaults{{}, model.eos_token_ids};
  const auto text = read_small_file(path, kConfigBytesMax);
  if (!text.ok()) return text.error();
  return parse_generation_config(*text, model, path.string());
}

}  // namespace sluice
