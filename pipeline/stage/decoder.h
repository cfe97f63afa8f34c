// Runs a stage's decoder layers over the tokens of a micro-batch:
//
//   x += attention(norm(x));  x += feed_forward(norm(x))          for each layer
//
// The residual stream x is f32 always, so that the bits of a model do not depend on where it is cut into stages. With
// compute = bf16 the input of every matrix product is rounded to bf16, and so are keys and values in the cache.
// A rank of several has a share of the heads and of the feed-forward part; what each adds to x is summed over them.
//
// Owns:      scratch for max_batch_tokens tokens, and the KV cache. Borrows the weights, which outlive it.
// Confined:  to the stage's thread.
// Errors:    create(): kInvalidConfig where memory is short. embed() and forward() take checked batches alone
//            (batch_check.h), and fail as the communicator does (kTransportLost).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/dtype.h"
#include "base/error.h"
#include "base/messages/pipeline.h"
#include "kernels/attention/attention.h"
#include "kernels/collective/communicator.h"
#include "kernels/cpu/context.h"
#include "kernels/linear/linear.h"
#include "pipeline/model/model_config.h"
#include "pipeline/model/stage_weights.h"
#include "pipeline/stage/aligned_buffer.h"
#include "pipeline/stage/kv_cache_memory.h"
#include "pipeline/stage/linear_input.h"

namespace sluice {

struct DecoderOptions {
  DType compute = DType::kBF16;
  std::uint32_t block_tokens = 0;
  std::uint32_t num_blocks = 0;
  std::uint32_t max_batch_tokens = 0;
};

class Decoder {
 public:
  // `config` is the whole model's.
  static Result<Decoder> create(const ModelConfig& config, const Shard& shard, const StageWeights& weights,
                                const DecoderOptions& options);

  // Embeds the tokens: hidden [token_ids.size(), hidden_size]. `ranks` is null for a whole stage, here and below.
  Result<void> embed(const kernels::CpuContext& context, kernels::Communicator* ranks,
                     std::span<const TokenId> token_ids, kernels::MatrixView<float> hidden) const;

  // Takes hidden [T, hidden_size] of all entries through the layers, in place.
  Result<void> forward(const kernels::CpuContext& context, kernels::Communicator* ranks,
                       std::span<const BatchEntry> entries, kernels::MatrixView<float> hidden);

  std::uint64_t kv_cache_bytes() const { return cache_.bytes(); }

 private:
  Decoder(const ModelConfig& config, const Shard& shard, const StageWeights& weights)
      : config_(shard_config(config, shard)),
        vocabulary_(share_of(config.vocab_size, shard)),
        is_whole_(shard.is_whole()),
        weights_(&weights) {}

  Result<void> allocate(const DecoderOptions& options);
  void prepare(const kernels::CpuContext& context, std::span<const BatchEntry> entries, std::size_t num_tokens);
  // hidden += the part's output; of a shard, only its partial sums are put into partial_.
  void attend(const kernels::CpuContext& context, std::uint32_t index, kernels::MatrixView<float> hidden);
  void feed_forward(const kernels::CpuContext& context, std::uint32_t index, kernels::MatrixView<float> hidden);
  void add_output(const kernels::CpuContext& context, const kernels::WeightView& w, kernels::MatrixView<float> hidden);
  // hidden += the sum of partial_ over the ranks.
  Result<void> add_partial(kernels::Communicator* ranks, kernels::MatrixView<float> hidden);

  ModelConfig config_;  // As the layers look to this rank.
  ShardRange vocabulary_;
  bool is_whole_;
  const StageWeights* weights_;
  std::vector<float> inverse_frequencies_;
  KvCacheMemory cache_;

  // What prepare() makes of a batch's entries.
  std::vector<kernels::AttentionEntry> entries_;
  std::vector<std::uint32_t> positions_;

  // Scratch, a row per token.
  LinearInput linear_input_;
  AlignedBuffer<float> normed_;    // hidden_size
  AlignedBuffer<float> queries_;   // num_attention_heads * head_dim
  AlignedBuffer<float> keys_;      // num_key_value_heads * head_dim
  AlignedBuffer<float> values_;    // as keys_
  AlignedBuffer<float> attended_;  // as queries_
  AlignedBuffer<float> gate_;      // intermediate_size
  AlignedBuffer<float> up_;        // as gate_
  AlignedBuffer<float> cosines_;   // head_dim / 2
  AlignedBuffer<float> sines_;     // as cosines_
  AlignedBuffer<float> partial_;   // hidden_size; of a shard
};

}  // namespace sluice
