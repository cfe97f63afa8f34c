#include "pipeline/stage/decoder.h"

#include <algorithm>
#include <cmath>

#include "kernels/activation/swiglu.h"
#include "kernels/embedding/embedding.h"
#include "kernels/norm/rms_norm.h"
#include "kernels/rotary/rotary.h"
#include "pipeline/model/rope.h"

namespace sluice {

using kernels::CpuContext;
using kernels::MatrixView;

Result<Decoder> Decoder::create(const ModelConfig& config, const Shard& shard, const StageWeights& weights,
                                const DecoderOptions& options) {
  Decoder decoder(config, shard, weights);
  if (auto allocated = decoder.allocate(options); !allocated.ok()) return allocated.error();
  decoder.inverse_frequencies_ = scaled_inverse_frequencies(config.rope, config.attention.head_dim);
  return decoder;
}

Result<void> Decoder::allocate(const DecoderOptions& options) {
  const auto& attention = config_.attention;
  const std::size_t rows = options.max_batch_tokens;
  const std::size_t head_dim = attention.head_dim;
  const std::size_t query_columns = attention.num_attention_heads * head_dim;
  const std::size_t key_columns = attention.num_key_value_heads * head_dim;
  const std::size_t intermediate = config_.feed_forward.intermediate_size;
  struct Part {
    AlignedBuffer<float>* buffer;
    std::size_t columns;
  };
  for (const Part& part : {Part{&normed_, config_.hidden_size}, Part{&queries_, query_columns},
                           Part{&keys_, key_columns}, Part{&values_, key_columns}, Part{&attended_, query_columns},
                           Part{&gate_, intermediate}, Part{&up_, intermediate}, Part{&cosines_, head_dim / 2},
                           Part{&sines_, head_dim / 2}, Part{&partial_, is_whole_ ? 0 : config_.hidden_size}}) {
    auto buffer = AlignedBuffer<float>::allocate("activations", rows, part.columns);
    if (!buffer.ok()) return buffer.error();
    *part.buffer = *std::move(buffer);
  }
  const std::size_t columns_max = std::max({std::size_t{config_.hidden_size}, query_columns, intermediate});
  auto input = LinearInput::create(options.compute, rows, columns_max);
  if (!input.ok()) return input.error();
  linear_input_ = *std::move(input);
  positions_.reserve(rows);
  entries_.reserve(rows);

  const kernels::KvCacheLayout layout{options.compute, options.num_blocks, attention.num_key_value_heads,
                                      options.block_tokens, head_dim};
  auto cache = KvCacheMemory::allocate(layout, static_cast<std::uint32_t>(weights_->layers.size()));
  if (!cache.ok()) return cache.error();
  cache_ = *std::move(cache);
  return {};
}

Result<void> Decoder::embed(const CpuContext& context, kernels::Communicator* ranks, std::span<const TokenId> token_ids,
                            MatrixView<float> hidden) const {
  if (is_whole_) {
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
  for (std::uint32_t index = 0; index < weights_->layers.size(); ++index) {
    attend(context, index, hidden);
    if (auto added = add_partial(ranks, hidden); !added.ok()) return added;
    feed_forward(context, index, hidden);
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
  kernels::rotary_angles(context, positions_, inverse_frequencies_, 1.0f, {cosines_.data(), num_tokens, pairs},
                         {sines_.data(), num_tokens, pairs});
}

void Decoder::attend(const CpuContext& context, std::uint32_t index, MatrixView<float> hidden) {
  const auto& layer = weights_->layers[index];
  const std::size_t rows = hidden.rows;
  const std::size_t head_dim = config_.attention.head_dim;
  const MatrixView<float> normed(normed_.data(), rows, config_.hidden_size);
  const MatrixView<float> queries(queries_.data(), rows, layer.query.rows);
  const MatrixView<float> keys(keys_.data(), rows, layer.key.rows);
  const MatrixView<float> values(values_.data(), rows, layer.value.rows);
  const MatrixView<float> attended(attended_.data(), rows, layer.query.rows);
  const MatrixView<const float> cosines(cosines_.data(), rows, inverse_frequencies_.size());
  const MatrixView<const float> sines(sines_.data(), rows, inverse_frequencies_.size());

  kernels::rms_norm(context, hidden, layer.input_norm, config_.rms_norm_eps, normed);
  linear_input_.set(context, normed);
  linear_input_.apply(context, layer.query, queries);
  linear_input_.apply(context, layer.key, keys);
  linear_input_.apply(context, layer.value, values);
  kernels::apply_rotary(context, queries, head_dim, cosines, sines);
  kernels::apply_rotary(context, keys, head_dim, cosines, sines);
  const auto cache = cache_.layer(index);
  kernels::store_kv(context, entries_, keys, values, cache);
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  kernels::paged_attention(context, entries_, queries, cache, scale, attended);
  linear_input_.set(context, attended);
  add_output(context, layer.attention_output, hidden);
}

void Decoder::feed_forward(const CpuContext& context, std::uint32_t index, MatrixView<float> hidden) {
  const auto& layer = weights_->layers[index];
  const std::size_t rows = hidden.rows;
  const MatrixView<float> normed(normed_.data(), rows, config_.hidden_size);
  const MatrixView<float> gate(gate_.data(), rows, layer.gate.rows);
  const MatrixView<float> up(up_.data(), rows, layer.up.rows);

  kernels::rms_norm(context, hidden, layer.post_attention_norm, config_.rms_norm_eps, normed);
  linear_input_.set(context, normed);
  linear_input_.apply(context, layer.gate, gate);
  linear_input_.apply(context, layer.up, up);
  kernels::swiglu(context, gate, up, gate);
  linear_input_.set(context, gate);
  add_output(context, layer.down, hidden);
}

void Decoder::add_output(const CpuContext& context, const kernels::WeightView& w, MatrixView<float> hidden) {
  if (is_whole_) return linear_input_.apply(context, w, hidden, {.accumulate = true});
  linear_input_.apply(context, w, {partial_.data(), hidden.rows, hidden.columns});
}

Result<void> Decoder::add_partial(kernels::Communicator* ranks, MatrixView<float> hidden) {
  if (is_whole_) return {};
  SLUICE_CHECK(ranks != nullptr);
  const std::size_t count = hidden.rows * hidden.columns;
  if (auto summed = ranks->all_reduce_sum({partial_.data(), count}); !summed.ok()) return summed;
  for (std::size_t i = 0; i < count; ++i) hidden.data[i] += partial_.data()[i];
  return {};
}

}  // namespace sluice
