#include "pipeline/stage/grouped_query_part.h"

#include <cmath>

#include "kernels/attention/attention.h"
#include "kernels/linear/linear.h"
#include "kernels/norm/rms_norm.h"
#include "kernels/rotary/rotary.h"

namespace sluice {

using kernels::MatrixView;

Result<std::unique_ptr<AttentionPart>> GroupedQueryPart::create(const ModelConfig& config,
                                                                const DecoderOptions& options,
                                                                std::uint32_t num_layers) {
  std::unique_ptr<GroupedQueryPart> part(new GroupedQueryPart(config));
  const AttentionConfig& attention = config.attention;
  const std::size_t head_dim = attention.head_dim;
  const std::size_t query_columns = attention.num_attention_heads * head_dim;
  const std::size_t key_columns = attention.num_key_value_heads * head_dim;
  auto scratch = allocate_scratch(options.max_batch_tokens, {{&part->queries_, query_columns},
                                                             {&part->keys_, key_columns},
                                                             {&part->values_, key_columns},
                                                             {&part->attended_, query_columns}});
  if (!scratch.ok()) return scratch.error();
  part->layout_ = {options.cache, options.num_blocks, attention.num_key_value_heads, options.block_tokens, head_dim};
  auto cache = CacheMemory::allocate(
      options.cache, {options.num_blocks, attention.num_key_value_heads, options.block_tokens, head_dim},
      std::size_t{2} * num_layers);
  if (!cache.ok()) return cache.error();
  part->cache_ = *std::move(cache);
  return std::unique_ptr<AttentionPart>(std::move(part));
}

void GroupedQueryPart::run(const LayerStep& step, const LayerWeights& layer, std::uint32_t index,
                           MatrixView<const float> x, const PartOutput& output) {
  const std::size_t head_dim = config_.head_dim;
  const MatrixView<float> queries(queries_.data(), x.rows, layer.query.rows);
  const MatrixView<float> keys(keys_.data(), x.rows, layer.key.rows);
  const MatrixView<float> values(values_.data(), x.rows, layer.value.rows);
  const MatrixView<float> attended(attended_.data(), x.rows, layer.query.rows);

  kernels::linear(step.context, x, layer.query, queries, {.bias = layer.query_bias});
  kernels::linear(step.context, x, layer.key, keys, {.bias = layer.key_bias});
  kernels::linear(step.context, x, layer.value, values, {.bias = layer.value_bias});
  if (config_.has_head_norms) {
    norm_heads(step, layer.query_norm, queries);
    norm_heads(step, layer.key_norm, keys);
  }
  kernels::apply_rotary(step.context, queries, head_dim, step.cosines, step.sines);
  kernels::apply_rotary(step.context, keys, head_dim, step.cosines, step.sines);
  const kernels::KvCacheView cache = {layout_, cache_.array(std::size_t{2} * index),
                                      cache_.array(std::size_t{2} * index + 1)};
  kernels::store_kv(step.context, step.entries, keys, values, cache);
  const float scale = config_.score_factor / std::sqrt(static_cast<float>(config_.key_dim()));
  kernels::paged_attention(step.context, step.entries, queries, cache, scale, attended);
  kernels::linear(step.context, attended, layer.attention_output, output.y,
                  {.bias = layer.attention_output_bias, .accumulate = output.accumulate});
}

void GroupedQueryPart::norm_heads(const LayerStep& step, const kernels::WeightView& weight, MatrixView<float> x) const {
  const MatrixView<float> heads(x.data, x.rows * x.columns / config_.head_dim, config_.head_dim);
  kernels::rms_norm(step.context, heads, weight, epsilon_, heads);
}

}  // namespace sluice
