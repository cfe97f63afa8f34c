// A pipeline of stage executors without actors: generates from prompts as the batcher would, for tests.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/messages/pipeline.h"
#include "pipeline/stage/stage_executor.h"

namespace sluice::test {

// Layers of the demo model as one small stage: 8 blocks, 32 tokens of a batch, 3 open sequences.
StageSpec small_stage(std::uint32_t first_layer, std::uint32_t num_layers);

// Fails the test where it cannot be created.
std::unique_ptr<StageExecutor> make_stage(const StageSpec& spec);

struct PipelineOptions {
  std::filesystem::path model_dir;
  WeightsKind weights = WeightsKind::kFile;
  std::vector<std::uint32_t> cuts = {};  // First layers of the stages after the first.
  DType dtype = DType::kF32;
  DType compute = DType::kF32;
  kernels::IsaPath path = kernels::IsaPath::kScalar;
  std::uint32_t threads = 1;
  std::uint32_t block_tokens = 16;
  std::uint32_t num_blocks = 64;
  std::uint32_t max_batch_tokens = 128;
  std::uint32_t ranks = 1;  // Of each stage, in shared memory, each on a thread of its own.
  ExpertSplit experts = ExpertSplit::kByWidth;
  bool deterministic = true;
};

// A request of a test, and what came of it.
struct Generation {
  std::vector<TokenId> prompt;
  SamplingParams sampling = {.temperature = 0.0f};
  std::uint64_t seed = 0;
  LogprobOptions logprobs = {};
  std::uint32_t max_tokens = 8;
  std::uint32_t chunk_tokens = 1000;  // Of the prefill.

  std::vector<TokenId> output = {};
  std::vector<TokenLogprobs> output_logprobs = {};
  std::vector<float> prompt_logprobs = {};

  std::vector<std::uint64_t> digests() const;
};

class Pipeline {
 public:
  explicit Pipeline(const PipelineOptions& options);

  // Runs all of them together, one chunk or token of each per step, with blocks in an order drawn from block_seed.
  // Fails the test where a stage reports an error.
  void generate(std::vector<Generation*> generations, std::uint64_t block_seed = 0);

  // One batch through all stages.
  Result<StepResult> run(StageBatch batch);

  StageExecutor& stage(std::size_t index, std::uint32_t rank = 0) { return *stages_[index][rank].executor; }
  std::size_t num_stages() const { return stages_.size(); }
  const PipelineOptions& options() const { return options_; }

 private:
  struct Rank {
    std::unique_ptr<kernels::Communicator> communicator;  // Null for one rank.
    std::unique_ptr<StageExecutor> executor;
  };
  std::vector<Rank> make_ranks(StageSpec spec) const;
  // What rank 0 puts out. Fails the test where the ranks disagree.
  static Result<StageOutput> run_stage(std::vector<Rank>& ranks, const StageBatch& batch);

  PipelineOptions options_;
  std::vector<std::vector<Rank>> stages_;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t next_step_ = 1;
};

}  // namespace sluice::test
