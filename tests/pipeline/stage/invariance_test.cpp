// The bits of a sequence's logits do not depend on anything but the sequence, the model, dtypes and path.
#include <doctest/doctest.h>

#include "base/random.h"
#include "tests/pipeline/stage/pipeline_fixture.h"
#include "tests/support/paths.h"

namespace sluice {
namespace {

using test::Generation;
using test::Pipeline;
using test::PipelineOptions;

struct Mode {
  kernels::IsaPath path;
  DType dtype;
  DType compute;
  const char* model;
};

// Of random weights.
constexpr const char* kSmallModels[] = {"tests/golden/llama-3", "tests/golden/deepseek-v3"};

// Every path on small random models, the best on the demo models as well.
std::vector<Mode> modes() {
  std::vector<Mode> all;
  for (const char* demo : {"examples/models/storyteller-llama", "examples/models/storyteller-deepseek"}) {
    all.push_back({kernels::best_isa_path(), DType::kBF16, DType::kBF16, demo});
    all.push_back({kernels::best_isa_path(), DType::kF32, DType::kF32, demo});
  }
  for (const char* small : kSmallModels) {
    for (const auto path : kernels::available_isa_paths()) {
      all.push_back({path, DType::kBF16, DType::kBF16, small});
      all.push_back({path, DType::kF32, DType::kF32, small});
    }
  }
  return all;
}

PipelineOptions options(const Mode& mode) {
  return {.model_dir = test::source_path(mode.model), .dtype = mode.dtype, .compute = mode.compute, .path = mode.path};
}

Generation request(std::uint64_t seed, std::size_t prompt_tokens, std::uint32_t max_tokens, float temperature) {
  SplitMix64 random(seed);
  Generation generation;
  for (std::size_t i = 0; i < prompt_tokens; ++i) generation.prompt.push_back(static_cast<TokenId>(random.below(512)));
  generation.sampling.temperature = temperature;
  generation.sampling.top_p = 0.95f;
  generation.sampling.repetition_penalty = 1.1f;
  generation.seed = seed;
  generation.max_tokens = max_tokens;
  generation.logprobs = {.output = true, .prompt = true, .digest = true};
  return generation;
}

void check_equal(const Generation& a, const Generation& b) {
  CHECK(a.output == b.output);
  CHECK(a.digests() == b.digests());
  CHECK(a.prompt_logprobs == b.prompt_logprobs);
  CHECK(a.output_logprobs == b.output_logprobs);
}

// A generation by itself on one stage, its prompt in one piece.
Generation alone(const Mode& mode, Generation generation) {
  Pipeline pipeline(options(mode));
  pipeline.generate({&generation});
  REQUIRE(generation.digests().size() == generation.max_tokens);
  for (const auto digest : generation.digests()) REQUIRE(digest != 0);
  return generation;
}

}  // namespace

TEST_SUITE("pipeline/stage invariance") {
  TEST_CASE("one stage or two or three or four give the same bits") {
    for (const auto& mode : modes()) {
      CAPTURE(kernels::to_string(mode.path));
      CAPTURE(mode.model);
      const auto expected = alone(mode, request(1, 21, 12, 0.9f));
      for (const std::vector<std::uint32_t>& cuts : {std::vector<std::uint32_t>{1}, {3}, {1, 2}, {2, 3}, {1, 2, 3}}) {
        auto with_cuts = options(mode);
        with_cuts.cuts = cuts;
        Pipeline pipeline(with_cuts);
        auto generation = request(1, 21, 12, 0.9f);
        pipeline.generate({&generation});
        check_equal(generation, expected);
      }
    }
  }

  TEST_CASE("a prompt in chunks gives the bits of a whole one") {
    for (const auto& mode : modes()) {
      CAPTURE(kernels::to_string(mode.path));
      CAPTURE(mode.model);
      const auto expected = alone(mode, request(2, 37, 6, 0.0f));
      Pipeline pipeline(options(mode));
      for (const std::uint32_t chunk : {1u, 2u, 7u, 16u, 36u}) {
        CAPTURE(chunk);
        auto generation = request(2, 37, 6, 0.0f);
        generation.chunk_tokens = chunk;
        pipeline.generate({&generation});
        check_equal(generation, expected);
      }
    }
  }

  TEST_CASE("a batch of others gives each the bits it gets alone") {
    for (const auto& mode : modes()) {
      CAPTURE(kernels::to_string(mode.path));
      CAPTURE(mode.model);
      std::vector<Generation> expected;
      std::vector<Generation> together;
      for (std::uint64_t seed = 0; seed < 6; ++seed) {
        together.push_back(
            request(seed, 1 + 9 * seed, 4 + static_cast<std::uint32_t>(seed), seed % 2 == 0 ? 0.0f : 0.8f));
        expected.push_back(alone(mode, together.back()));
        together.back().chunk_tokens = static_cast<std::uint32_t>(3 + 5 * seed);
      }
      auto small_batches = options(mode);
      small_batches.max_batch_tokens = 24;
      small_batches.cuts = {2};
      Pipeline pipeline(small_batches);
      std::vector<Generation*> pointers;
      for (auto& generation : together) pointers.push_back(&generation);
      pipeline.generate(pointers);
      for (std::size_t i = 0; i < together.size(); ++i) check_equal(together[i], expected[i]);
    }
  }

  TEST_CASE("block numbers and block sizes do not show") {
    for (const auto& mode : modes()) {
      CAPTURE(kernels::to_string(mode.path));
      CAPTURE(mode.model);
      const auto expected = alone(mode, request(3, 40, 6, 0.7f));
      for (const std::uint32_t block_tokens : {1u, 5u, 16u, 64u}) {
        auto with_blocks = options(mode);
        with_blocks.block_tokens = block_tokens;
        Pipeline pipeline(with_blocks);
        for (std::uint64_t block_seed = 1; block_seed <= 2; ++block_seed) {
          auto generation = request(3, 40, 6, 0.7f);
          pipeline.generate({&generation}, block_seed);
          check_equal(generation, expected);
        }
      }
    }
  }

  TEST_CASE("threads do not show") {
    for (const char* model : kSmallModels) {
      CAPTURE(model);
      const Mode mode{kernels::best_isa_path(), DType::kBF16, DType::kBF16, model};
      const auto expected = alone(mode, request(4, 30, 6, 0.7f));
      auto with_threads = options(mode);
      with_threads.threads = 3;
      Pipeline pipeline(with_threads);
      auto first = request(4, 30, 6, 0.7f);
      auto second = request(4, 30, 6, 0.7f);
      auto third = request(5, 11, 6, 0.7f);
      pipeline.generate({&first, &third, &second});
      check_equal(first, expected);
      check_equal(second, expected);
    }
  }

  TEST_CASE("a sequence that is computed again from prompt and output goes on with the same tokens") {
    for (const char* model : kSmallModels) {
      CAPTURE(model);
      const Mode mode{kernels::best_isa_path(), DType::kF32, DType::kF32, model};
      const auto expected = alone(mode, request(6, 20, 12, 0.9f));
      Pipeline pipeline(options(mode));

      // As after a crash: everything up to the seventh output token is prefilled, under the old prompt length.
      StageBatch batch;
      const auto original = request(6, 20, 12, 0.9f);
      batch.opened.push_back({SequenceId{900}, original.sampling, original.seed, original.logprobs, 20, {}});
      batch.token_ids = original.prompt;
      batch.token_ids.insert(batch.token_ids.end(), expected.output.begin(), expected.output.begin() + 7);
      BatchEntry entry;
      entry.sequence = SequenceId{900};
      entry.num_tokens = 27;
      entry.wants_sample = true;
      entry.block_table = {BlockId{9}, BlockId{4}};
      batch.entries.push_back(entry);
      const auto result = pipeline.run(batch);

      REQUIRE(result.ok());
      REQUIRE(result->samples.size() == 1);
      CHECK(result->samples[0].position == 27);
      CHECK(result->samples[0].token == expected.output[7]);
      CHECK(result->samples[0].logprobs == expected.output_logprobs[7]);
    }
  }

  TEST_CASE("a history stands for the tokens of blocks that are already there") {
    for (const auto& mode : modes()) {
      CAPTURE(kernels::to_string(mode.path));
      CAPTURE(mode.model);
      const auto expected = alone(mode, request(7, 24, 2, 0.9f));
      auto with_cuts = options(mode);
      with_cuts.cuts = {2};
      Pipeline pipeline(with_cuts);
      const auto original = request(7, 24, 2, 0.9f);

      // One sequence fills block 5 with the first 16 tokens and has ended, another goes on from there.
      StageBatch first;
      first.opened.push_back({SequenceId{1}, original.sampling, original.seed, original.logprobs, 24, {}});
      first.token_ids.assign(original.prompt.begin(), original.prompt.begin() + 16);
      first.entries.push_back({.sequence = SequenceId{1}, .num_tokens = 16, .block_table = {BlockId{5}}});
      REQUIRE(pipeline.run(first).ok());
      StageBatch second;
      second.closed = {SequenceId{1}};
      second.opened.push_back(
          {SequenceId{2}, original.sampling, original.seed, original.logprobs, 24, first.token_ids});
      second.token_ids.assign(original.prompt.begin() + 16, original.prompt.end());
      second.entries.push_back({.sequence = SequenceId{2},
                                .first_position = 16,
                                .num_tokens = 8,
                                .wants_sample = true,
                                .block_table = {BlockId{5}, BlockId{0}}});
      const auto sampled = pipeline.run(second);
      REQUIRE(sampled.ok());
      CHECK(sampled->samples.at(0).token == expected.output[0]);
      CHECK(sampled->samples.at(0).logprobs == expected.output_logprobs[0]);

      StageBatch decode;
      decode.token_ids = {expected.output[0]};
      decode.entries.push_back({.sequence = SequenceId{2},
                                .first_position = 24,
                                .num_tokens = 1,
                                .wants_sample = true,
                                .block_table = {BlockId{5}, BlockId{0}}});
      const auto decoded = pipeline.run(decode);
      REQUIRE(decoded.ok());
      CHECK(decoded->samples.at(0).token == expected.output[1]);
      CHECK(decoded->samples.at(0).logprobs == expected.output_logprobs[1]);
    }
  }

  TEST_CASE("a seed gives the same story again and another one another") {
    for (const char* model : kSmallModels) {
      CAPTURE(model);
      const Mode mode{kernels::best_isa_path(), DType::kBF16, DType::kBF16, model};
      Pipeline pipeline(options(mode));
      auto first = request(8, 10, 24, 1.0f);
      auto again = request(8, 10, 24, 1.0f);
      auto other = request(8, 10, 24, 1.0f);
      other.seed = 9;
      pipeline.generate({&first});
      pipeline.generate({&again, &other});
      check_equal(again, first);
      CHECK(other.output != first.output);
    }
  }
}

}  // namespace sluice
