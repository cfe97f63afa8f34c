#include "pipeline/stage/decoder.h"

#include <algorithm>

#include "kernels/embedding/embedding.h"
#include "kernels/norm/rms_norm.h"
#include "kernels/rotary/rotary.h"
#include "pipeline/model/rope.h"

namespace sluice {

using kernels::CpuContext;
using kernels::MatrixView;

namespace {

// The widest input of a matrix product that is rounded.
}  // namespace

Result<Decoder> Decoder::create(const ModelConfig& config, const LayerRange& range, const StageWeights& weights,
                                const DecoderOptions& options) {
  Decoder decoder(config, range, weights);
  decoder.inverse_frequencies_ = scaled_inverse_frequencies(config.rope, config.attention.rotary_dim());
  if (auto allocated = decoder.allocate(config, options); !allocated.ok()) return allocated.error();
  return decoder;
}

Result<void> Decoder::allocate(const ModelConfig& config, const DecoderOptions& options) {
  const std::size_t rows = options.max_batch_tokens;
  auto scratch = allocate_scratch(rows, {{&normed_, config_.hidden_size},
                                         {&cosines_, inverse_frequencies_.size()},
                                         {&sines_, inverse_frequencies_.size()},
                                         {&partial_, range_.shard.is_whole() ? 0 : config_.hidden_size}});
  if (!scratch.ok()) return scratch;
  positions_.reserve(rows);
  entries_.reserve(rows);

  auto attention = AttentionPart::make(config_, options, range_.num_layers);
  if (!attention.ok()) return attention.error();
  attention_ = *std::move(attention);
  auto feed_forward = FeedForwardPart::create(config, range_, options);
  if (!feed_forward.ok()) return feed_forward.error();
  feed_forward_ = *std::move(feed_forward);
  return {};
}

Result<void> Decoder::embed(const CpuContext& context, kernels::Communicator* ranks, std::span<const TokenId> token_ids,
                            MatrixView<float> hidden) const {
  if (range_.shard.is_whole()) {
    kernels::embed_tokens(context, weights_->embedding, token_ids, hidden);
    return {};
  }
  // Rows of tokens that others have are zero: their sum is exact.
  for (std::size_t i = 0; i < token_ids.size(); ++i) {
    const auto id = static_cast<std::uint64_t>(token_ids[i]);
    const MatrixView<float> row(hidden.row(i), 1, hidden.columns);
    if (id < vocabulary_.begin || id >= vocabulary_.end) {
      std::fill_n(row.data, row.columns, 0.0f);
    } else {
      const auto local = static_cast<TokenId>(id - vocabulary_.begin);
      kernels::embed_tokens(context, weights_->embedding, std::span(&local, 1), row);
    }
  }
  SLUICE_CHECK(ranks != nullptr);
  return ranks->all_reduce_sum({hidden.data, hidden.rows * hidden.columns});
}

Result<void> Decoder::forward(const CpuContext& context, kernels::Communicator* ranks,
                              std::span<const BatchEntry> entries, MatrixView<float> hidden) {
  prepare(context, entries, hidden.rows);
  const std::size_t rows = hidden.rows;
  const std::size_t pairs = inverse_frequencies_.size();
  const MatrixView<float> normed(normed_.data(), rows, config_.hidden_size);
  const LayerStep step = {context, entries_, MatrixView<const float>(cosines_.data(), rows, pairs),
                          MatrixView<const float>(sines_.data(), rows, pairs)};
  const bool is_whole = range_.shard.is_whole();
  const PartOutput output = {is_whole ? hidden : MatrixView<float>(partial_.data(), rows, hidden.columns), is_whole};
  for (std::uint32_t index = 0; index < range_.num_layers; ++index) {
    const LayerWeights& layer = weights_->layers[index];
    kernels::rms_norm(context, hidden, layer.input_norm, config_.rms_norm_eps, normed);
    attention_->run(step, layer, index, normed, output);
    if (auto added = add_partial(ranks, hidden); !added.ok()) return added;
    kernels::rms_norm(context, hidden, layer.post_attention_norm, config_.rms_norm_eps, normed);
    feed_forward_.run(step, layer, config_.feed_forward_kind(range_.first_layer + index), normed, output);
    if (auto added = add_partial(ranks, hidden); !added.ok()) return added;
  }
  return {};
}

void Decoder::prepare(const CpuContext& context, std::span<const BatchEntry> entries, std::size_t num_tokens) {
  entries_.clear();
  positions_.clear();
  for (const auto& entry : entries) {
    entries_.push_back({entry.first_position, entry.num_tokens, entry.block_table});
    for (std::uint32_t i = 0; i < entry.num_tokens; ++i) positions_.push_back(entry.first_position + i);
  }
  SLUICE_CHECK_EQ(positions_.size(), num_tokens);
  const std::size_t pairs = inverse_frequencies_.size();
  kernels::rotary_angles(context, positions_, inverse_frequencies_, config_.rope.magnitude,
                         {cosines_.data(), num_tokens, pairs}, {sines_.data(), num_tokens, pairs});
}

Result<void> Decoder::add_partial(kernels::Communicator* ranks, MatrixView<float> hidden) {
  if (range_.shard.is_whole()) return {};
  SLUICE_CHECK(ranks != nullptr);
  const std::size_t count = hidden.rows * hidden.columns;
  if (auto summed = ranks->all_reduce_sum({partial_.data(), count}); !summed.ok()) return summed;
  for (std::size_t i = 0; i < count; ++i) hidden.data[i] += partial_.data()[i];
  return {};
}

}  // namespace sluice
