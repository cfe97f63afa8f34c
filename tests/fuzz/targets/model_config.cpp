// config.json and generation_config.json, and the arithmetic on what they say.
#include "pipeline/model/model_config.h"
#include "pipeline/model/decoder_tensors.h"
#include "pipeline/model/generation_config.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = sluice::fuzz::as_text(data, size);
  const auto config = sluice::parse_model_config(text);
  // A thousand layers of a thousand experts are counted as well, but not at a fuzzer's pace.
  if (config.ok() && std::uint64_t{config->num_hidden_layers} * (1 + config->mixture.num_experts) < 10'000) {
    SLUICE_CHECK_GT(sluice::weights_bytes(*config, {0, config->num_hidden_layers, true, true}, sluice::DType::kF32),
                    0u);
    SLUICE_CHECK_GT(sluice::kv_bytes_per_token_per_layer(*config, sluice::DType::kBF16), 0u);
  }
  sluice::ModelConfig model;
  model.vocab_size = 4096;
  const auto defaults = sluice::parse_generation_config(text, model);
  if (!defaults.ok()) SLUICE_CHECK(!defaults.error().message.empty());
  return 0;
}
