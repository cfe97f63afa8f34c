// Real kernels over drawn weights: a model without a checkpoint, the same however it is cut.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/pipeline/stage/pipeline_fixture.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

// Only the config.json of the demo model.
class BareModel {
 public:
  BareModel() {
    std::filesystem::copy(test::source_path("examples/models/storyteller-llama/config.json"),
                          directory_.path() / "config.json");
  }
  const std::filesystem::path& path() const { return directory_.path(); }

 private:
  test::TempDirectory directory_;
};

test::Generation generate(const BareModel& model, DType compute, const std::vector<std::uint32_t>& cuts) {
  test::Pipeline pipeline({.model_dir = model.path(),
                           .weights = WeightsKind::kRandom,
                           .cuts = cuts,
                           .dtype = DType::kBF16,
                           .compute = compute,
                           .path = kernels::best_isa_path()});
  test::Generation generation;
  for (TokenId i = 0; i < 40; ++i) generation.prompt.push_back(i * 97 % 4096);
  generation.logprobs = {.output = true, .top = 5, .prompt = true, .digest = true};
  generation.max_tokens = 12;
  generation.chunk_tokens = 16;
  pipeline.generate({&generation});
  return generation;
}

}  // namespace

TEST_SUITE("pipeline/stage/random_weights") {
  TEST_CASE("two cuts are equal to the bit, and every logit is finite") {
    const BareModel model;
    for (const DType compute : {DType::kF32, DType::kBF16}) {
      const auto whole = generate(model, compute, {});
      CHECK(whole.output.size() == 12);
      CHECK(whole.prompt_logprobs.size() == 39);
      for (const float value : whole.prompt_logprobs) CHECK(std::isfinite(value));
      for (const auto& logprobs : whole.output_logprobs) {
        CHECK(std::isfinite(logprobs.logprob));
        CHECK(logprobs.top.size() == 5);
      }
      for (const std::vector<std::uint32_t>& cuts : std::vector<std::vector<std::uint32_t>>{{3}, {1, 5}}) {
        const auto cut = generate(model, compute, cuts);
        CHECK(cut.output == whole.output);
        CHECK(cut.digests() == whole.digests());
        CHECK(cut.prompt_logprobs == whole.prompt_logprobs);
      }
    }
  }
}

}  // namespace sluice
