// Stages against what Hugging Face transformers computes in float32 (tests/golden), for every architecture.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/pipeline/stage/golden_cases.h"

namespace sluice {
namespace {

using test::check_greedy;
using test::generation_of;
using test::golden_models;
using test::GoldenModel;
using test::last_logits_difference;
using test::Pipeline;
using test::PipelineOptions;
using test::prompt_differences;
using test::random_model;
using test::storyteller;

constexpr std::uint32_t kTopMax = 20;

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

ModelConfig config_of(const GoldenModel& model) {
  const auto config = load_model_config(model.model_dir);
  INFO((config.ok() ? "" : config.error().message));
  REQUIRE(config.ok());
  return *config;
}

// Room for the longest prompt in one step.
PipelineOptions options_for(const GoldenModel& model, kernels::IsaPath path) {
  return {.model_dir = model.model_dir, .path = path, .max_batch_tokens = 512};
}

// Prompts, logits after them, and greedy tokens.
void check_f32(const GoldenModel& model, const PipelineOptions& options) {
  CAPTURE(model.name);
  Pipeline pipeline(options);
  for (std::size_t i = 0; i < model.cases.size(); ++i) {
    if (is_left_out(options.path, i)) continue;
    const auto& golden = model.cases[i];
    CAPTURE(golden.name);
    auto generation = generation_of(golden, static_cast<std::uint32_t>(golden.greedy.size()), kTopMax);
    pipeline.generate({&generation});
    const auto differences = prompt_differences(generation, golden);
    if (!differences.empty()) CHECK(differences.back() < 1e-3);
    CHECK(last_logits_difference(generation, golden) < 1e-3);
    check_greedy(generation, golden);
  }
}

// Of all prompts' log-probabilities, ascending.
std::vector<double> bf16_differences(const GoldenModel& model, kernels::IsaPath path) {
  PipelineOptions options = options_for(model, path);
  options.dtype = DType::kBF16;
  options.compute = DType::kBF16;
  Pipeline pipeline(options);
  std::vector<double> differences;
  for (std::size_t i = 0; i < model.cases.size(); ++i) {
    if (is_left_out(path, i)) continue;
    auto generation = generation_of(model.cases[i], 1);
    pipeline.generate({&generation});
    const auto found = prompt_differences(generation, model.cases[i]);
    differences.insert(differences.end(), found.begin(), found.end());
  }
  std::ranges::sort(differences);
  return differences;
}

}  // namespace

TEST_SUITE("pipeline/stage golden") {
  TEST_CASE("f32: every architecture on every path") {
    for (const auto& model : golden_models()) {
      for (const auto path : kernels::available_isa_paths()) {
        CAPTURE(kernels::to_string(path));
        check_f32(model, options_for(model, path));
      }
    }
  }

  TEST_CASE("f32: every architecture on three stages") {
    for (const auto& model : golden_models()) {
      PipelineOptions options = options_for(model, kernels::best_isa_path());
      options.cuts = {1, 2};
      check_f32(model, options);
    }
  }

  TEST_CASE("f32: every architecture on two ranks, where they divide it, with experts split either way") {
    std::size_t divided = 0;
    for (const auto& model : golden_models()) {
      for (const ExpertSplit experts : {ExpertSplit::kByWidth, ExpertSplit::kByExpert}) {
        const ModelConfig config = config_of(model);
        if (!check_shard(config, {0, 2, experts}).ok()) continue;
        if (experts == ExpertSplit::kByExpert && config.mixture.num_experts == 0) continue;
        PipelineOptions options = options_for(model, kernels::best_isa_path());
        options.ranks = 2;
        options.experts = experts;
        check_f32(model, options);
        ++divided;
      }
    }
    CHECK(divided >= 22);
  }

  TEST_CASE("f32, not deterministic: latent attention in its expanded form") {
    std::size_t expanded = 0;
    for (const auto& model : golden_models()) {
      if (config_of(model).attention.kind != AttentionKind::kLatent) continue;
      PipelineOptions options = options_for(model, kernels::best_isa_path());
      std::vector<std::vector<float>> logprobs;
      for (const bool deterministic : {true, false}) {
        options.deterministic = deterministic;
        auto generation = generation_of(model.cases.back(), 1);
        Pipeline(options).generate({&generation});
        logprobs.push_back(generation.prompt_logprobs);
      }
      if (logprobs[0] != logprobs[1]) ++expanded;
      check_f32(model, options);
    }
    CHECK(expanded >= 2);
  }

  TEST_CASE("storytellers in f32: greedy tokens all the way, log-probabilities within 1e-4") {
    for (const auto& model : {storyteller("storyteller-llama"), storyteller("storyteller-deepseek")}) {
      CAPTURE(model.name);
      Pipeline pipeline(options_for(model, kernels::best_isa_path()));
      for (const auto& golden : model.cases) {
        CAPTURE(golden.name);
        auto generation = generation_of(golden, 64);
        pipeline.generate({&generation});
        CHECK(generation.output == golden.greedy);
        CHECK(prompt_differences(generation, golden).back() < 1e-4);
      }
    }
  }

  TEST_CASE("f32 with bf16 weights in memory gives the same bits: the files are bf16") {
    for (const auto& model : {storyteller("storyteller-llama"), storyteller("storyteller-deepseek")}) {
      PipelineOptions options = options_for(model, kernels::best_isa_path());
      Pipeline wide(options);
      options.dtype = DType::kBF16;
      Pipeline narrow(options);
      auto first = generation_of(model.cases[0], 16);
      first.logprobs.digest = true;
      auto second = first;
      wide.generate({&first});
      narrow.generate({&second});
      CHECK(first.digests() == second.digests());
      CHECK(first.output == second.output);
    }
  }

  // Rounding moves a token to another expert now and then, which then shows.
  TEST_CASE("bf16: prompt log-probabilities within 5e-2, of every architecture on every path") {
    for (const auto& model : golden_models()) {
      CAPTURE(model.name);
      const bool is_mixture = config_of(model).mixture.num_experts > 0;
      for (const auto path : kernels::available_isa_paths()) {
        CAPTURE(kernels::to_string(path));
        const auto differences = bf16_differences(model, path);
        if (differences.empty()) continue;
        CHECK((is_mixture ? differences[(differences.size() - 1) * 99 / 100] : differences.back()) < 5e-2);
      }
    }
  }
}

}  // namespace sluice
