#include "tests/pipeline/stage/pipeline_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "base/random.h"
#include "kernels/collective/shared_memory.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

// A generation under way.
struct Running {
  Generation* generation;
  SequenceId sequence;
  std::vector<TokenId> tokens;
  std::size_t done = 0;
  std::vector<BlockId> blocks;

  bool is_finished() const { return generation->output.size() == generation->max_tokens; }
};

}  // namespace

StageSpec small_stage(std::uint32_t first_layer, std::uint32_t num_layers) {
  StageSpec spec;
  spec.model_dir = source_path("examples/models/storyteller-llama");
  spec.first_layer = first_layer;
  spec.num_layers = num_layers;
  spec.num_blocks = 8;
  spec.max_batch_tokens = 32;
  spec.max_open_sequences = 3;
  return spec;
}

std::unique_ptr<StageExecutor> make_stage(const StageSpec& spec) {
  auto stage = StageExecutor::create(spec);
  REQUIRE(stage.ok());
  return *std::move(stage);
}

std::vector<std::uint64_t> Generation::digests() const {
  std::vector<std::uint64_t> found;
  for (const auto& output_logprob : output_logprobs) found.push_back(output_logprob.digest);
  return found;
}

Pipeline::Pipeline(const PipelineOptions& options) : options_(options) {
  const auto config = load_model_config(options.model_dir);
  REQUIRE(config.ok());
  std::vector<std::uint32_t> bounds = {0};
  bounds.insert(bounds.end(), options.cuts.begin(), options.cuts.end());
  bounds.push_back(config->num_hidden_layers);
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
    StageSpec spec;
    spec.model_dir = options.model_dir;
    spec.weights = options.weights;
    spec.first_layer = bounds[i];
    spec.num_layers = bounds[i + 1] - bounds[i];
    spec.dtype = options.dtype;
    spec.compute = options.compute;
    spec.path = options.path;
    spec.deterministic = options.deterministic;
    spec.threads = options.threads;
    spec.block_tokens = options.block_tokens;
    spec.num_blocks = options.num_blocks;
    spec.max_batch_tokens = options.max_batch_tokens;
    stages_.push_back(make_ranks(spec));
  }
}

std::vector<Pipeline::Rank> Pipeline::make_ranks(StageSpec spec) const {
  std::shared_ptr<kernels::SharedMemoryGroup> group;
  if (options_.ranks > 1) group = kernels::SharedMemoryGroup::create(options_.ranks);
  std::vector<Rank> ranks(options_.ranks);
  for (std::uint32_t rank = 0; rank < options_.ranks; ++rank) {
    spec.shard = {rank, options_.ranks, options_.experts};
    auto stage = StageExecutor::create(spec);
    INFO((stage.ok() ? "" : stage.error().message));
    REQUIRE(stage.ok());
    ranks[rank].executor = *std::move(stage);
    if (group == nullptr) continue;
    ranks[rank].communicator = group->join(rank);
    ranks[rank].executor->join(ranks[rank].communicator.get());
  }
  return ranks;
}

Result<StageOutput> Pipeline::run_stage(std::vector<Rank>& ranks, const StageBatch& batch) {
  if (ranks.size() == 1) return ranks[0].executor->run(batch);
  std::vector<std::optional<Result<StageOutput>>> outputs(ranks.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      threads.emplace_back([&, rank] { outputs[rank] = ranks[rank].executor->run(batch); });
    }
  }
  for (const auto& output : outputs) {
    REQUIRE(output->ok() == outputs[0]->ok());
    if (!output->ok() || !std::holds_alternative<StageBatch>(**output)) continue;
    CHECK(std::ranges::equal(std::get<StageBatch>(**output).hidden.values,
                             std::get<StageBatch>(**outputs[0]).hidden.values));
  }
  return std::move(*outputs[0]);
}

Result<StepResult> Pipeline::run(StageBatch batch) {
  for (std::size_t i = 0;; ++i) {
    auto output = run_stage(stages_[i], batch);
    if (!output.ok()) return output.error();
    if (auto* result = std::get_if<StepResult>(&*output)) return std::move(*result);
    batch = std::get<StageBatch>(*std::move(output));
  }
}

void Pipeline::generate(std::vector<Generation*> generations, std::uint64_t block_seed) {
  std::vector<BlockId> free_blocks(options_.num_blocks);
  for (std::uint32_t i = 0; i < options_.num_blocks; ++i) free_blocks[i] = BlockId{i};
  SplitMix64 random(block_seed);
  for (std::size_t i = free_blocks.size(); i > 1; --i) std::swap(free_blocks[i - 1], free_blocks[random.below(i)]);

  std::vector<Running> running;
  StageBatch batch;
  for (auto* generation : generations) {
    const SequenceId sequence{next_sequence_++};
    running.push_back({generation, sequence, generation->prompt, 0, {}});
    batch.opened.push_back({sequence,
                            generation->sampling,
                            generation->seed,
                            generation->logprobs,
                            static_cast<std::uint32_t>(generation->prompt.size()),
                            {}});
  }
  while (std::any_of(running.begin(), running.end(), [](const Running& r) { return !r.is_finished(); })) {
    batch.epoch = Epoch{1};
    batch.step = StepId{next_step_++};
    std::vector<Running*> in_batch;
    for (auto& each : running) {
      if (each.is_finished()) continue;
      const std::size_t room = options_.max_batch_tokens - batch.token_ids.size();
      const std::size_t count =
          std::min({each.tokens.size() - each.done, std::size_t{each.generation->chunk_tokens}, room});
      if (count == 0) continue;
      const std::size_t end = each.done + count;
      while (each.blocks.size() * options_.block_tokens < end) {
        REQUIRE_FALSE(free_blocks.empty());
        each.blocks.push_back(free_blocks.back());
        free_blocks.pop_back();
      }
      BatchEntry entry;
      entry.sequence = each.sequence;
      entry.first_position = static_cast<std::uint32_t>(each.done);
      entry.num_tokens = static_cast<std::uint32_t>(count);
      entry.wants_sample = end == each.tokens.size();
      entry.wants_prompt_logprobs = each.generation->logprobs.prompt && each.done < each.generation->prompt.size();
      if (end < each.generation->prompt.size()) entry.next_prompt_token = each.generation->prompt[end];
      entry.block_table = each.blocks;
      batch.entries.push_back(std::move(entry));
      batch.token_ids.insert(batch.token_ids.end(), each.tokens.begin() + static_cast<std::ptrdiff_t>(each.done),
                             each.tokens.begin() + static_cast<std::ptrdiff_t>(end));
      each.done = end;
      in_batch.push_back(&each);
    }
    const auto result = run(std::exchange(batch, {}));
    INFO((result.ok() ? "" : result.error().message));
    REQUIRE(result.ok());
    for (auto* each : in_batch) {
      auto& generation = *each->generation;
      for (const auto& prompt : result->prompt_logprobs) {
        if (prompt.sequence != each->sequence) continue;
        REQUIRE(prompt.first_position == generation.prompt_logprobs.size() + 1);
        generation.prompt_logprobs.insert(generation.prompt_logprobs.end(), prompt.values.begin(), prompt.values.end());
      }
      for (const auto& sample : result->samples) {
        if (sample.sequence != each->sequence) continue;
        REQUIRE(sample.position == each->tokens.size());
        each->tokens.push_back(sample.token);
        generation.output.push_back(sample.token);
        if (sample.logprobs.has_value()) generation.output_logprobs.push_back(*sample.logprobs);
      }
      if (each->is_finished()) {
        batch.closed.push_back(each->sequence);
        free_blocks.insert(free_blocks.end(), each->blocks.begin(), each->blocks.end());
      }
    }
  }
  REQUIRE(run(std::exchange(batch, {})).ok());
}

}  // namespace sluice::test
