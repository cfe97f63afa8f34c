// A stage on one CPU that computes: embedding, decoder layers, samples (decoder.h, output_stage.h).
//
// Owns:      weights (mapped, converted or drawn), KV cache, scratch buffers (both allocated once), the kernels'
//            threads, and on the last stage the sampler state of every open sequence.
// Confined:  to the stage actor's thread.
// Errors:    as StageExecutor.
// Invariant: the result of a sequence depends, to the bit, on its own tokens, the model, dtypes and the instruction-set
//            path alone.
#pragma once

#include <memory>

#include "pipeline/stage/stage_executor.h"

namespace sluice {

class DecoderExecutor final : public StageExecutor {
 public:
  // After check_spec().
  static Result<std::unique_ptr<StageExecutor>> create(const StageSpec& spec, ModelConfig config,
                                                       const LoadProgressCallback& progress);
  ~DecoderExecutor() override;

  Result<StageOutput> run(const StageBatch& batch) override;
  void join(kernels::Communicator* ranks) override;
  void forget_sequences() override;

  bool is_first() const override;
  bool is_last() const override;
  const ModelConfig& model() const override;
  std::uint64_t weights_bytes() const override;
  std::uint64_t kv_cache_bytes() const override;

 private:
  struct Parts;

  explicit DecoderExecutor(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice
