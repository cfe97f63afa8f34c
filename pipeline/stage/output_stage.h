// What the last stage does after its layers: final norm and logits of the rows that need them, samples,
// log-probabilities.
//
// Owns:      the sampler state of every open sequence, scratch for a group of rows of logits. Borrows the weights.
// Confined:  to the stage's thread.
// Errors:    create(): kInvalidConfig where memory is short. check(): as that of open_sequences.h.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "base/messages/pipeline.h"
#include "kernels/collective/communicator.h"
#include "kernels/cpu/context.h"
#include "pipeline/model/model_config.h"
#include "pipeline/model/stage_weights.h"
#include "pipeline/sampling/sampler.h"
#include "pipeline/stage/aligned_buffer.h"
#include "pipeline/stage/open_sequences.h"

namespace sluice {

struct OutputStageOptions {
  std::uint32_t threads = 1;
  std::uint32_t max_batch_tokens = 0;
  std::uint32_t max_open_sequences = 0;
  Shard shard = {};
};

class OutputStage {
 public:
  static Result<OutputStage> create(const ModelConfig& config, const StageWeights& weights,
                                    const OutputStageOptions& options);

  // Whether the batch, which batch_check.h has accepted, fits the open sequences. Changes nothing.
  Result<void> check(const StageBatch& batch) const { return open_.check(batch); }

  // Closes and opens what the batch says, and takes in its tokens. After check().
  void update(const StageBatch& batch) { open_.update(batch); }

  // Samples and log-probabilities from hidden [T, hidden_size], the residual stream after the last layer. After
  // update(). `ranks` is null for a whole stage; of several, rank 0 alone samples, and the others' results are empty.
  // Errors: those of the communicator.
  Result<StepResult> run(const kernels::CpuContext& context, kernels::Communicator* ranks, const StageBatch& batch,
                         kernels::MatrixView<const float> hidden);

  // A new epoch: its sequences are all opened anew.
  void forget_sequences() { open_.clear(); }

 private:
  struct OpenSequence {
    explicit OpenSequence(const SequenceOpening& opening)
        : sampler(opening.sampling, opening.seed, opening.prompt_tokens), logprobs(opening.logprobs) {
      sampler.append(opening.history);
    }
    void append(std::span<const TokenId> tokens) { sampler.append(tokens); }
    std::uint32_t num_tokens() const { return sampler.num_tokens(); }
    std::uint32_t prompt_tokens() const { return sampler.prompt_tokens(); }

    SamplerState sampler;
    LogprobOptions logprobs;
  };

  // One row of logits, and where its outcome goes in the result.
  struct Row {
    std::size_t token_row = 0;  // Of the batch.
    Sample* sample = nullptr;   // Null: not sampled.
    const OpenSequence* sequence = nullptr;
    TokenId next_prompt_token = -1;  // -1: no prompt log-probability.
    float* prompt_logprob = nullptr;
  };

  OutputStage(const ModelConfig& config, const StageWeights& weights, const OutputStageOptions& options)
      : config_(&config), weights_(&weights), options_(options), open_(options.max_open_sequences) {}

  void plan_rows(const StageBatch& batch, StepResult& result);
  // logits_ of the rows, of all the vocabulary.
  Result<void> compute_logits(const kernels::CpuContext& context, kernels::Communicator* ranks,
                              std::span<const Row> rows, kernels::MatrixView<const float> hidden);
  Result<void> gather_logits(kernels::Communicator& ranks, std::size_t num_rows);
  void finish_row(const kernels::CpuContext& context, const Row& row, std::span<const float> logits,
                  Sampler& sampler) const;

  const ModelConfig* config_;
  const StageWeights* weights_;
  OutputStageOptions options_;
  OpenSequences<OpenSequence> open_;

  std::vector<Row> rows_;
  std::vector<Sampler> samplers_;  // One per thread.
  std::size_t group_rows_ = 0;     // Rows of logits that scratch has room for.
  AlignedBuffer<float> normed_;    // [group_rows_, hidden_size]
  AlignedBuffer<float> logits_;    // [group_rows_, vocab_size]
  // Of a shard: its part of the logits, [group_rows_, shares_max_], and everybody's, one after another.
  std::size_t shares_max_ = 0;  // Columns of the largest share of the vocabulary.
  AlignedBuffer<float> part_;
  AlignedBuffer<float> parts_;
};

}  // namespace sluice
