// One pipeline stage on one device, or one rank of several that share a stage: runs its layers for micro-batches, keeps
// the keys and values of its blocks, and on the last stage samples. An interface: DecoderExecutor (decoder_executor.h)
// computes, MockExecutor (mock_executor.h) gives known answers.
//
// Confined:  to the stage actor's thread; run() is not reentrant. The output's hidden states own their memory and may
//            travel to another thread.
// Errors:    create(): kInvalidConfig for a spec that contradicts itself or the model, kModelLoadFailed for files.
//            run(): kProtocolViolation for a batch that breaks a rule of base/messages/pipeline.h, out of range as it
//            may be. A refused batch has changed nothing.
// Invariant: the result of a sequence depends on its own tokens, seed and options and on the model alone: not on its
//            neighbours in the batch, on chunks, on block numbers or on where stages are cut. The number of ranks
//            changes the order of some sums. With `deterministic` false chunks matter, too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <variant>

#include "base/dtype.h"
#include "base/error.h"
#include "base/messages/pipeline.h"
#include "base/mock_model.h"
#include "base/weights_kind.h"
#include "kernels/collective/communicator.h"
#include "kernels/cpu/isa_path.h"
#include "pipeline/model/model_config.h"
#include "pipeline/model/stage_weights.h"
#include "pipeline/stage/batch_check.h"

namespace sluice {

struct StageSpec {
  std::filesystem::path model_dir;
  WeightsKind weights = WeightsKind::kFile;  // But for kFile only config.json is needed.
  MockCosts mock;                            // kMock.
  std::uint32_t first_layer = 0;
  std::uint32_t num_layers = 0;  // 1 or more. Layer 0 makes the first stage, the model's last the last.
  Shard shard = {};              // Which rank of a tensor-parallel stage it is.
  DType dtype = DType::kBF16;    // Of the weights in memory: f32 or bf16.
  DType compute = DType::kBF16;  // f32, or bf16, which keeps the KV cache in f16 and needs bf16 weights.
  kernels::IsaPath path = kernels::IsaPath::kScalar;  // Must be available on this machine.
  std::uint32_t threads = 1;                          // Including the caller's.
  std::uint32_t block_tokens = 16;                    // 1 to 1024.
  std::uint32_t num_blocks = 0;                       // 1 or more.
  std::uint32_t max_batch_tokens = 0;                 // 1 or more. A batch with more is refused.
  bool deterministic = true;                          // False: long chunks may take faster forms with other bits.
  // Sampler states at the last stage. Above what a batcher leaves open: sequences that run, wait after a preemption, or
  // have ended since the last batch, each bounded by 65,536 in a topology file.
  std::uint32_t max_open_sequences = 1u << 18;
};

// The batch for the next stage with hidden states filled in, or, of the last stage, the result.
using StageOutput = std::variant<StageBatch, StepResult>;

class StageExecutor {
 public:
  // The one that spec.weights asks for.
  static Result<std::unique_ptr<StageExecutor>> create(const StageSpec& spec,
                                                       const LoadProgressCallback& progress = {});

  StageExecutor() = default;
  StageExecutor(const StageExecutor&) = delete;
  StageExecutor& operator=(const StageExecutor&) = delete;
  virtual ~StageExecutor() = default;

  // One step. The batch's hidden states need to live until the call returns. Epoch and step are passed on, not judged.
  virtual Result<StageOutput> run(const StageBatch& batch) = 0;

  // Where a rank of several meets the others, in run(): it waits there until they have come, and fails with
  // kTransportLost if they cannot. Before the first run() of an epoch; must outlive the last. Null: nowhere.
  virtual void join(kernels::Communicator* ranks) = 0;

  // Closes every sequence, for a new epoch. Keys and values stay where they are: nobody reads them before writing.
  virtual void forget_sequences() = 0;

  virtual bool is_first() const = 0;
  virtual bool is_last() const = 0;
  virtual const ModelConfig& model() const = 0;
  // Memory that it holds.
  virtual std::uint64_t weights_bytes() const = 0;
  virtual std::uint64_t kv_cache_bytes() const = 0;
};

// ---- for implementations --------------------------------------------------------------------------------------------

// Whether a stage of the model can be made by it; kInvalidConfig.
Result<void> check_spec(const StageSpec& spec, const ModelConfig& config);
// Of a spec that has passed check_spec().
LayerRange layer_range(const StageSpec& spec, const ModelConfig& config);
BatchLimits batch_limits(const StageSpec& spec, const ModelConfig& config);
// The batch with other hidden states.
StageBatch passed_on(const StageBatch& batch, HiddenStates hidden);

}  // namespace sluice
