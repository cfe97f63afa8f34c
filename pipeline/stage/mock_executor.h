// A stage without kernels: takes its time asleep and gives the answers of base/mock_model.h. It keeps all rules of
// StageExecutor, so that everything around it is tested as it is.
//
// Besides, it looks at what passes by: hidden states must be those of the tokens they came with, and output tokens that
// come back must be those that it gave.
// Owns:      on the last stage a count of tokens for every open sequence. No weights and no KV cache: blocks are
//            checked against num_blocks, and nothing is stored in them.
// Confined:  to the stage's thread.
// Errors:    as StageExecutor; kProtocolViolation too for hidden states and output tokens that are not the mock's.
#pragma once

#include <memory>
#include <optional>

#include "pipeline/stage/batch_check.h"
#include "pipeline/stage/device_clock.h"
#include "pipeline/stage/open_sequences.h"
#include "pipeline/stage/stage_executor.h"

namespace sluice {

class MockExecutor final : public StageExecutor {
 public:
  // After check_spec().
  MockExecutor(const StageSpec& spec, ModelConfig config, std::unique_ptr<DeviceClock> clock);

  Result<StageOutput> run(const StageBatch& batch) override;
  void join(kernels::Communicator*) override {}  // Each rank has the whole answer.
  void forget_sequences() override { open_.clear(); }

  bool is_first() const override { return range_.is_first; }
  bool is_last() const override { return range_.is_last; }
  const ModelConfig& model() const override { return config_; }
  std::uint64_t weights_bytes() const override { return 0; }
  std::uint64_t kv_cache_bytes() const override { return 0; }

 private:
  class Sequence {
   public:
    explicit Sequence(const SequenceOpening& opening);

    void append(std::span<const TokenId> tokens) { num_tokens_ += static_cast<std::uint32_t>(tokens.size()); }
    std::uint32_t num_tokens() const { return num_tokens_; }
    std::uint32_t prompt_tokens() const { return prompt_tokens_; }
    TokenId output_at(std::uint32_t position, std::uint32_t vocab_size) const;
    Sample next_sample(SequenceId id, std::uint32_t vocab_size) const;

   private:
    std::uint64_t seed_;
    std::uint32_t choice_;
    LogprobOptions logprobs_;
    std::uint32_t prompt_tokens_;
    std::uint32_t num_tokens_;
  };

  Result<void> check_hidden(const StageBatch& batch) const;
  Result<void> check_outputs(const StageBatch& batch) const;
  void take_time(std::size_t num_tokens);
  HiddenStates hidden_states(const StageBatch& batch) const;
  StepResult answer(const StageBatch& batch) const;

  ModelConfig config_;
  LayerRange range_;
  MockCosts costs_;
  std::unique_ptr<DeviceClock> clock_;
  BatchCheck batch_check_;
  OpenSequences<Sequence> open_;  // Last stage.
};

}  // namespace sluice
