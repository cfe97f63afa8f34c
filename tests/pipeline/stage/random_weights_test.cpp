// Real kernels over drawn weights: a model without a checkpoint, the same however it is cut.
#include <doctest/doctest.h>

#include <cmath>

#include "pipeline/model/json_reader.h"
#include "tests/pipeline/stage/golden_cases.h"
#include "tests/pipeline/stage/pipeline_fixture.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

// Only a config.json.
class BareModel {
 public:
  explicit BareModel(const std::string& config) { directory_.write("config.json", config); }
  const std::filesystem::path& path() const { return directory_.path(); }
  ModelConfig config() const { return *load_model_config(path()); }

 private:
  test::TempDirectory directory_;
};

// Of the demo models and of those in tests/golden, which are one of every kind.
std::vector<std::string> configs() {
  std::vector<std::string> texts;
  for (const auto& model : test::golden_models())
    texts.push_back(*read_small_file(model.model_dir / "config.json", kConfigBytesMax));
  return texts;
}

test::Generation generate(const BareModel& model, DType compute, const std::vector<std::uint32_t>& cuts,
                          std::size_t prompt_tokens = 40, std::uint32_t chunk_tokens = 16) {
  test::Pipeline pipeline({.model_dir = model.path(),
                           .weights = WeightsKind::kRandom,
                           .cuts = cuts,
                           .dtype = DType::kBF16,
                           .compute = compute,
                           .path = kernels::best_isa_path(),
                           .max_batch_tokens = 512});
  const auto vocab_size = static_cast<TokenId>(model.config().vocab_size);
  test::Generation generation;
  for (std::size_t i = 0; i < prompt_tokens; ++i)
    generation.prompt.push_back(static_cast<TokenId>(i) * 97 % vocab_size);
  generation.logprobs = {.output = true, .top = 5, .prompt = true, .digest = true};
  generation.max_tokens = 12;
  generation.chunk_tokens = chunk_tokens;
  pipeline.generate({&generation});
  return generation;
}

void check_finite(const test::Generation& generation) {
  CHECK(generation.output.size() == 12);
  for (const float value : generation.prompt_logprobs) CHECK(std::isfinite(value));
  for (const auto& logprobs : generation.output_logprobs) {
    CHECK(std::isfinite(logprobs.logprob));
    CHECK(logprobs.top.size() == 5);
  }
}

void check_equal(const test::Generation& a, const test::Generation& b) {
  CHECK(a.output == b.output);
  CHECK(a.digests() == b.digests());
  CHECK(a.prompt_logprobs == b.prompt_logprobs);
}

}  // namespace

TEST_SUITE("pipeline/stage/random_weights") {
  TEST_CASE("every architecture: two cuts are equal to the bit, and every logit is finite") {
    for (const std::string& config : configs()) {
      const BareModel model(config);
      CAPTURE(config);
      for (const DType compute : {DType::kF32, DType::kBF16}) {
        const auto whole = generate(model, compute, {});
        check_finite(whole);
        CHECK(whole.prompt_logprobs.size() == 39);
        for (const std::vector<std::uint32_t>& cuts : std::vector<std::vector<std::uint32_t>>{{2}, {1, 2}}) {
          check_equal(generate(model, compute, cuts), whole);
        }
      }
    }
  }

  // 64 heads of 1,024 latent elements and 8 experts of 4,096: scratch of a run holds some 128 and 256 tokens.
  TEST_CASE("latent attention and experts take a long chunk in runs, which do not show") {
    const BareModel model(R"({"architectures": ["DeepseekV3ForCausalLM"], "vocab_size": 64, "hidden_size": 32,
        "num_hidden_layers": 1, "max_position_embeddings": 512, "num_attention_heads": 64, "q_lora_rank": null,
        "kv_lora_rank": 1024, "qk_nope_head_dim": 4, "qk_rope_head_dim": 4, "v_head_dim": 4, "intermediate_size": 8,
        "moe_intermediate_size": 4096, "n_routed_experts": 8, "num_experts_per_tok": 8, "n_group": 1, "topk_group": 1,
        "n_shared_experts": 0, "routed_scaling_factor": 1.0, "first_k_dense_replace": 0,
        "initializer_range": 0.2})");
    const auto in_runs = generate(model, DType::kF32, {}, 301, 301);
    check_finite(in_runs);
    check_equal(generate(model, DType::kF32, {}, 301, 96), in_runs);
  }
}

}  // namespace sluice
