// Stages of several ranks against one rank, and against what transformers computes (tests/golden).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "kernels/collective/shared_memory.h"
#include "tests/pipeline/stage/golden_cases.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using test::Generation;
using test::Pipeline;
using test::PipelineOptions;

Generation request_of(const test::GoldenCase& golden, std::uint32_t max_tokens) {
  Generation generation = test::generation_of(golden, max_tokens, 2);
  generation.logprobs.digest = true;
  return generation;
}

Generation run(const PipelineOptions& options, Generation generation) {
  Pipeline pipeline(options);
  pipeline.generate({&generation});
  return generation;
}

PipelineOptions options_for(const test::GoldenModel& model, std::uint32_t ranks) {
  return {.model_dir = model.model_dir, .path = kernels::best_isa_path(), .ranks = ranks};
}

std::vector<test::GoldenModel> storytellers() {
  return {test::storyteller("storyteller-llama"), test::storyteller("storyteller-deepseek")};
}

bool is_clear(const TokenLogprobs& at) {
  return at.top.size() < 2 || at.top[0].logprob - at.top[1].logprob > 1e-2;
}

// Tokens equal as long as the first choice is clear, and log-probabilities within 1e-4 until then.
void check_close(const Generation& found, const Generation& expected) {
  REQUIRE(found.prompt_logprobs.size() == expected.prompt_logprobs.size());
  for (std::size_t i = 0; i < found.prompt_logprobs.size(); ++i) {
    CHECK(std::abs(found.prompt_logprobs[i] - expected.prompt_logprobs[i]) < 1e-4f);
  }
  for (std::size_t i = 0; i < expected.output.size() && is_clear(expected.output_logprobs[i]); ++i) {
    CHECK(found.output[i] == expected.output[i]);
    CHECK(std::abs(found.output_logprobs[i].logprob - expected.output_logprobs[i].logprob) < 1e-4f);
  }
}

}  // namespace

TEST_SUITE("pipeline/stage tensor parallel") {
  TEST_CASE("2 and 4 ranks give the tokens and log-probabilities of one") {
    for (const auto& model : storytellers()) {
      for (const ExpertSplit experts : {ExpertSplit::kByWidth, ExpertSplit::kByExpert}) {
        CAPTURE(model.name);
        CAPTURE(static_cast<int>(experts));
        Pipeline one(options_for(model, 1));
        PipelineOptions options = options_for(model, 2);
        options.experts = experts;
        Pipeline two(options);
        options.ranks = 4;
        Pipeline four(options);
        for (const auto& each : model.cases) {
          CAPTURE(each.name);
          Generation expected = request_of(each, 32);
          Generation of_two = expected;
          Generation of_four = expected;
          one.generate({&expected});
          two.generate({&of_two});
          four.generate({&of_four});
          check_close(of_two, expected);
          check_close(of_four, expected);
        }
      }
    }
  }

  TEST_CASE("the bits do not depend on cuts, chunks or neighbours, for a number of ranks") {
    for (const auto& model : storytellers()) {
      CAPTURE(model.name);
      const Generation request = request_of(model.cases[0], 12);
      const Generation expected = run(options_for(model, 2), request);
      PipelineOptions cut = options_for(model, 2);
      cut.cuts = {2, 3};
      CHECK(run(cut, request).digests() == expected.digests());
      Generation chunked = request;
      chunked.chunk_tokens = 3;
      chunked = run(options_for(model, 2), chunked);
      CHECK(chunked.digests() == expected.digests());
      CHECK(chunked.prompt_logprobs == expected.prompt_logprobs);

      Pipeline pipeline(options_for(model, 2));
      Generation beside = request;
      Generation other = request_of(model.cases[1], 12);
      pipeline.generate({&other, &beside});
      CHECK(beside.digests() == expected.digests());
    }
  }

  TEST_CASE("compute in bf16: two ranks are within its rounding of one") {
    for (const auto& model : storytellers()) {
      PipelineOptions options = options_for(model, 2);
      options.dtype = DType::kBF16;
      options.compute = DType::kBF16;
      const Generation found = run(options, request_of(model.cases[0], 4));
      options.ranks = 1;
      const Generation expected = run(options, request_of(model.cases[0], 4));
      for (std::size_t i = 0; i < found.prompt_logprobs.size(); ++i) {
        CHECK(std::abs(found.prompt_logprobs[i] - expected.prompt_logprobs[i]) < 0.25f);
      }
    }
  }

  TEST_CASE("a vocabulary that the ranks do not divide: every token has the logits that one rank gives it") {
    const test::TempDirectory directory;
    auto config = nlohmann::json::parse(std::ifstream(test::source_path("tests/golden/llama-3/config.json")));
    config["vocab_size"] = 193;
    std::ofstream(directory.path() / "config.json") << config.dump();
    Generation all;
    for (TokenId token = 0; token < 193; ++token) all.prompt.push_back(token);
    all.prompt.push_back(0);
    all.logprobs = {.output = true, .top = 20, .prompt = true};
    PipelineOptions options = {.model_dir = directory.path(),
                               .weights = WeightsKind::kRandom,
                               .path = kernels::best_isa_path(),
                               .max_batch_tokens = 256};
    const Generation one = run(options, all);
    for (const std::uint32_t ranks : {2u, 4u}) {
      CAPTURE(ranks);
      options.ranks = ranks;
      check_close(run(options, all), one);
    }
  }

  TEST_CASE("sampled tokens are those of rank 0, which alone answers") {
    Generation sampled{{16, 17, 18}};
    sampled.sampling = {.temperature = 0.8f};
    sampled.seed = 7;
    sampled.max_tokens = 16;
    for (const auto& model : storytellers()) {
      const Generation a = run(options_for(model, 2), sampled);
      PipelineOptions cut = options_for(model, 2);
      cut.cuts = {3};
      CHECK(run(cut, sampled).output == a.output);
      CHECK(a.output.size() == 16);
    }
  }

  TEST_CASE("a rank's memory is its share, but of latents, which all ranks keep") {
    const auto models = storytellers();
    Pipeline one(options_for(models[0], 1));
    Pipeline two(options_for(models[0], 2));
    CHECK(two.stage(0, 0).kv_cache_bytes() * 2 == one.stage(0).kv_cache_bytes());
    CHECK(two.stage(0, 0).weights_bytes() < one.stage(0).weights_bytes() * 51 / 100);

    Pipeline latent_one(options_for(models[1], 1));
    for (const ExpertSplit experts : {ExpertSplit::kByWidth, ExpertSplit::kByExpert}) {
      PipelineOptions options = options_for(models[1], 2);
      options.experts = experts;
      Pipeline latent_two(options);
      CHECK(latent_two.stage(0, 0).kv_cache_bytes() == latent_one.stage(0).kv_cache_bytes());
      // Down-projections of latent attention and routers lie on both.
      CHECK(latent_two.stage(0, 0).weights_bytes() < latent_one.stage(0).weights_bytes() * 53 / 100);
    }
  }

  TEST_CASE("a rank whose group is over fails its step") {
    const auto group = kernels::SharedMemoryGroup::create(2);
    StageSpec spec = test::small_stage(0, 6);
    spec.shard = {0, 2};
    const auto stage = test::make_stage(spec);
    const auto ranks = group->join(0);
    stage->join(ranks.get());
    group->abandon();
    StageBatch batch{.epoch = {1}, .step = {1}, .token_ids = {16}};
    batch.opened.push_back({{1}, {}, 0, {}, 1, {}});
    batch.entries.push_back({{1}, 0, 1, true, false, -1, {BlockId{0}}});
    const auto output = stage->run(batch);
    REQUIRE_FALSE(output.ok());
    CHECK(output.error().code == ErrorCode::kTransportLost);
  }
}

}  // namespace sluice
