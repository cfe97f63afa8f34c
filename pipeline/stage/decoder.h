// Runs a stage's decoder layers over the tokens of a micro-batch:
//
//   x += attention(norm(x));  x += feed_forward(norm(x))          for each layer
//
// Activations are f32 throughout, so that the bits of a model do not depend on where it is cut into stages; the KV
// cache is f32 or f16 (docs/decisions/0024).
// A rank of several has a share of the heads and of the feed-forward part; what each adds to x is summed over them.
//
// Owns:      the parts (attention_part.h, feed_forward_part.h) with their scratch for max_batch_tokens tokens and the
//            KV cache. Borrows the weights, which outlive it.
// Confined:  to the stage's thread.
// Errors:    create(): kInvalidConfig where memory is short. embed() and forward() take checked batches alone
//            (batch_check.h), and fail as the communicator does (kTransportLost).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/messages/pipeline.h"
#include "kernels/collective/communicator.h"
#include "kernels/cpu/context.h"
#include "pipeline/model/model_config.h"
#include "pipeline/model/stage_weights.h"
#include "pipeline/stage/attention_part.h"
#include "pipeline/stage/feed_forward_part.h"

namespace sluice {

class Decoder {
 public:
  // `config` is the whole model's.
  static Result<Decoder> create(const ModelConfig& config, const LayerRange& range, const StageWeights& weights,
                                const DecoderOptions& options);

  // Embeds the tokens: hidden [token_ids.size(), hidden_size]. `ranks` is null for a whole stage, here and below.
  Result<void> embed(const kernels::CpuContext& context, kernels::Communicator* ranks,
                     std::span<const TokenId> token_ids, kernels::MatrixView<float> hidden) const;

  // Takes hidden [T, hidden_size] of all entries through the layers, in place.
  Result<void> forward(const kernels::CpuContext& context, kernels::Communicator* ranks,
                       std::span<const BatchEntry> entries, kernels::MatrixView<float> hidden);

  std::uint64_t kv_cache_bytes() const { return attention_->kv_cache_bytes(); }

 private:
  Decoder(const ModelConfig& config, const LayerRange& range, const StageWeights& weights)
      : config_(shard_config(config, range.shard)),
        vocabulary_(share_of(config.vocab_size, range.shard)),
        range_(range),
        weights_(&weights) {}

  Result<void> allocate(const ModelConfig& config, const DecoderOptions& options);
  void prepare(const kernels::CpuContext& context, std::span<const BatchEntry> entries, std::size_t num_tokens);
  // hidden += the sum of partial_ over the ranks.
  Result<void> add_partial(kernels::Communicator* ranks, kernels::MatrixView<float> hidden);

  ModelConfig config_;  // As the layers look to this rank.
  ShardRange vocabulary_;
  LayerRange range_;
  const StageWeights* weights_;
  std::vector<float> inverse_frequencies_;
  std::unique_ptr<AttentionPart> attention_;
  FeedForwardPart feed_forward_;

  // What prepare() makes of a batch's entries.
  std::vector<kernels::AttentionEntry> entries_;
  std::vector<std::uint32_t> positions_;

  // Scratch, a row per token.
  AlignedBuffer<float> normed_;   // hidden_size
  AlignedBuffer<float> cosines_;  // rotary_dim / 2
  AlignedBuffer<float> sines_;    // as cosines_
  AlignedBuffer<float> partial_;  // hidden_size; of a shard
};

}  // namespace sluice
