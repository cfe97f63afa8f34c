#include "pipeline/stage/latent_part.h"

#include <algorithm>
#include <cmath>

#include "kernels/linear/head_linear.h"
#include "kernels/linear/linear.h"
#include "kernels/norm/rms_norm.h"
#include "kernels/rotary/rotary.h"

namespace sluice {
namespace {

// Of the norms inside latent attention: not the model's rms_norm_eps.
constexpr float kLatentNormEpsilon = 1e-6f;

}  // namespace

using kernels::heads_of;
using kernels::MatrixView;

LatentPart::LatentPart(const ModelConfig& config)
    : config_(config.attention),
      pairs_(config.rope.is_interleaved ? kernels::RotaryPairs::kInterleaved : kernels::RotaryPairs::kHalves) {}

Result<std::unique_ptr<AttentionPart>> LatentPart::create(const ModelConfig& config, const DecoderOptions& options,
                                                          std::uint32_t num_layers) {
  std::unique_ptr<LatentPart> part(new LatentPart(config));
  if (auto allocated = part->allocate(options, num_layers); !allocated.ok()) return allocated.error();
  return std::unique_ptr<AttentionPart>(std::move(part));
}

Result<void> LatentPart::allocate(const DecoderOptions& options, std::uint32_t num_layers) {
  const LatentConfig& latent = config_.latent;
  const std::size_t heads = config_.num_attention_heads;
  const std::size_t latent_columns = heads * latent.kv_lora_rank;
  auto scratch = allocate_scratch(options.max_batch_tokens, {{&query_latents_, latent.q_lora_rank},
                                                             {&queries_, heads * latent.qk_head_dim()},
                                                             {&rows_, latent.cached_dim()},
                                                             {&attended_, heads * latent.v_head_dim}});
  if (!scratch.ok()) return scratch;
  run_tokens_ = tokens_per_run(options.max_batch_tokens, 2 * latent_columns);
  run_entries_.reserve(run_tokens_);
  auto run_scratch = allocate_scratch(run_tokens_, {{&absorbed_, latent_columns}, {&found_, latent_columns}});
  if (!run_scratch.ok()) return run_scratch;
  layout_ = {options.num_blocks, options.block_tokens, latent.kv_lora_rank, latent.qk_rope_head_dim};
  auto cache =
      CacheMemory::allocate(DType::kF32, {options.num_blocks, options.block_tokens, latent.cached_dim()}, num_layers);
  if (!cache.ok()) return cache.error();
  cache_ = *std::move(cache);
  if (options.deterministic) return {};
  auto expanded = ExpandedAttention::create(config_, options);
  if (!expanded.ok()) return expanded.error();
  expanded_ = *std::move(expanded);
  return {};
}

float LatentPart::scale() const {
  return config_.score_factor / std::sqrt(static_cast<float>(config_.key_dim()));
}

void LatentPart::run(const LayerStep& step, const LayerWeights& layer, std::uint32_t index, MatrixView<const float> x,
                     const PartOutput& output) {
  project(step, layer, x);
  const kernels::LatentCacheView cache = {layout_, reinterpret_cast<float*>(cache_.array(index))};
  kernels::store_latent(step.context, step.entries,
                        MatrixView<const float>(rows_.data(), x.rows, config_.latent.cached_dim()), cache);
  attend(step, layer, cache);
  const MatrixView<const float> attended(attended_.data(), x.rows, layer.attention_output.columns);
  kernels::linear(step.context, attended, layer.attention_output, output.y,
                  {.bias = layer.attention_output_bias, .accumulate = output.accumulate});
}

void LatentPart::project(const LayerStep& step, const LayerWeights& layer, MatrixView<const float> x) {
  const LatentConfig& latent = config_.latent;
  const MatrixView<float> queries(queries_.data(), x.rows, layer.query.rows);
  const MatrixView<float> rows(rows_.data(), x.rows, latent.cached_dim());
  const MatrixView<float> latents(rows.data, rows.rows, latent.kv_lora_rank, rows.row_stride);

  kernels::linear(step.context, x, layer.latent, rows, {.bias = layer.latent_bias});
  kernels::rms_norm(step.context, latents, layer.latent_norm, kLatentNormEpsilon, latents);
  MatrixView<const float> query_input = x;
  if (latent.q_lora_rank > 0) {
    const MatrixView<float> query_latents(query_latents_.data(), x.rows, latent.q_lora_rank);
    kernels::linear(step.context, x, layer.query_down, query_latents, {.bias = layer.query_down_bias});
    kernels::rms_norm(step.context, query_latents, layer.query_down_norm, kLatentNormEpsilon, query_latents);
    query_input = query_latents;
  }
  kernels::linear(step.context, query_input, layer.query, queries);

  const auto rotated_queries =
      heads_of(queries, config_.num_attention_heads).part(latent.qk_nope_head_dim, latent.qk_rope_head_dim);
  const auto rotated_keys = heads_of(rows, 1).part(latent.kv_lora_rank, latent.qk_rope_head_dim);
  kernels::apply_rotary(step.context, rotated_queries, pairs_, step.cosines, step.sines);
  kernels::apply_rotary(step.context, rotated_keys, pairs_, step.cosines, step.sines);
}

void LatentPart::attend(const LayerStep& step, const LayerWeights& layer, const kernels::LatentCacheView& cache) {
  const std::size_t query_columns = layer.query.rows;
  const std::size_t value_columns = layer.attention_output.columns;
  std::size_t first = 0;  // Of the run's tokens,
  std::size_t taken = 0;  // and how many it has.
  run_entries_.clear();
  const auto end_run = [&] {
    if (taken > 0) attend_run(step, layer, cache, first, taken);
    first += taken;
    taken = 0;
    run_entries_.clear();
  };
  for (const kernels::AttentionEntry& entry : step.entries) {
    if (expanded_ && expanded_->pays_for(entry)) {
      end_run();
      expanded_->run(step.context, entry,
                     MatrixView<const float>(queries_.data() + first * query_columns, entry.num_tokens, query_columns),
                     layer.latent_up, cache, scale(),
                     MatrixView<float>(attended_.data() + first * value_columns, entry.num_tokens, value_columns));
      first += entry.num_tokens;
      continue;
    }
    for (std::uint32_t done = 0; done < entry.num_tokens;) {
      const auto count =
          static_cast<std::uint32_t>(std::min<std::size_t>(run_tokens_ - taken, entry.num_tokens - done));
      run_entries_.push_back({entry.first_position + done, count, entry.block_table});
      done += count;
      taken += count;
      if (taken == run_tokens_) end_run();
    }
  }
  end_run();
}

void LatentPart::attend_run(const LayerStep& step, const LayerWeights& layer, const kernels::LatentCacheView& cache,
                            std::size_t first, std::size_t num_tokens) {
  const LatentConfig& latent = config_.latent;
  const std::size_t heads = config_.num_attention_heads;
  const auto all_up = heads_of(layer.latent_up, heads);
  const auto key_up = all_up.part(0, latent.qk_nope_head_dim);
  const auto value_up = all_up.part(latent.qk_nope_head_dim, latent.v_head_dim);
  const std::size_t query_columns = layer.query.rows;
  const MatrixView<float> queries(queries_.data() + first * query_columns, num_tokens, query_columns);
  const MatrixView<float> absorbed(absorbed_.data(), num_tokens, heads * latent.kv_lora_rank);
  const MatrixView<float> found(found_.data(), num_tokens, absorbed.columns);
  const std::size_t value_columns = heads * latent.v_head_dim;
  const MatrixView<float> attended(attended_.data() + first * value_columns, num_tokens, value_columns);

  const auto query_heads = heads_of(queries, heads);
  kernels::head_linear_transposed(step.context, query_heads.part(0, latent.qk_nope_head_dim), key_up,
                                  heads_of(absorbed, heads));
  const kernels::LatentQueries latent_queries = {heads_of(absorbed, heads),
                                                 query_heads.part(latent.qk_nope_head_dim, latent.qk_rope_head_dim)};
  kernels::latent_attention(step.context, run_entries_, latent_queries, cache, scale(), found);
  kernels::head_linear(step.context, heads_of(found, heads), value_up, heads_of(attended, heads));
}

}  // namespace sluice
