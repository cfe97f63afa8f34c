#include "pipeline/stage/expanded_attention.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/attention/attention.h"
#include "kernels/linear/head_linear.h"

namespace sluice {

using kernels::heads_of;
using kernels::MatrixView;

namespace {

constexpr std::size_t kBlockTokens = 64;
// Positions that are expanded at a time.
constexpr std::size_t kPieceTokens = 4 * kBlockTokens;
// Keys and values of one head: 43,000 positions of DeepSeek-V3.
constexpr std::size_t kHeadCacheBytesMax = std::size_t{64} << 20;

void copy(MatrixView<const float> from, MatrixView<float> to) {
  for (std::size_t row = 0; row < from.rows; ++row) std::copy_n(from.row(row), from.columns, to.row(row));
}

}  // namespace

ExpandedAttention::ExpandedAttention(const AttentionConfig& config)
    : config_(config), head_dim_(std::max<std::size_t>(config.latent.qk_head_dim(), config.latent.v_head_dim)) {}

Result<ExpandedAttention> ExpandedAttention::create(const AttentionConfig& config, const DecoderOptions& options) {
  ExpandedAttention attention(config);
  if (auto allocated = attention.allocate(options); !allocated.ok()) return allocated.error();
  return attention;
}

Result<void> ExpandedAttention::allocate(const DecoderOptions& options) {
  if (head_dim_ > kernels::KvCacheLayout::kMaxHeadDim) return {};  // Never pays: it has no positions.
  const std::size_t blocks_max = kHeadCacheBytesMax / (2 * kBlockTokens * head_dim_ * sizeof(float));
  const std::size_t tokens = std::size_t{options.num_blocks} * options.block_tokens;
  const std::size_t num_blocks = std::min(blocks_max, (tokens + kBlockTokens - 1) / kBlockTokens);
  auto cached = allocate_scratch(num_blocks * kBlockTokens, {{&cached_keys_, head_dim_}, {&cached_values_, head_dim_}});
  if (!cached.ok()) return cached;
  auto piece = allocate_scratch(kPieceTokens,
                                {{&rows_, config_.latent.cached_dim()}, {&keys_, head_dim_}, {&values_, head_dim_}});
  if (!piece.ok()) return piece;
  auto batch = allocate_scratch(options.max_batch_tokens, {{&queries_, head_dim_}, {&found_, head_dim_}});
  if (!batch.ok()) return batch;
  // What is shorter than head_dim_ ends in zeros, over which nothing is written.
  std::fill_n(keys_.data(), kPieceTokens * head_dim_, 0.0f);
  std::fill_n(values_.data(), kPieceTokens * head_dim_, 0.0f);
  std::fill_n(queries_.data(), options.max_batch_tokens * head_dim_, 0.0f);
  head_cache_ = {{DType::kF32, num_blocks, 1, kBlockTokens, head_dim_}, cached_keys_.data(), cached_values_.data()};
  for (std::size_t block = 0; block < num_blocks; ++block) blocks_.push_back({static_cast<std::uint32_t>(block)});
  return {};
}

bool ExpandedAttention::pays_for(const kernels::AttentionEntry& entry) const {
  const LatentConfig& latent = config_.latent;
  const std::size_t end = std::size_t{entry.first_position} + entry.num_tokens;
  if (end > blocks_.size() * kBlockTokens) return false;
  // Multiplications of one head.
  const double tokens = entry.num_tokens;
  const double pairs = tokens * (entry.first_position + (tokens + 1) / 2);  // Of a token and a position that it sees.
  const double up = static_cast<double>(latent.kv_lora_rank) * (latent.qk_nope_head_dim + latent.v_head_dim);
  const double absorbed = tokens * up + pairs * (latent.cached_dim() + latent.kv_lora_rank);
  const double expanded = static_cast<double>(end) * up + pairs * 2 * static_cast<double>(head_dim_);
  return expanded < absorbed;
}

void ExpandedAttention::expand(const kernels::CpuContext& context, const kernels::AttentionEntry& entry,
                               const kernels::HeadWeightsView& up, const kernels::LatentCacheView& cache) const {
  const LatentConfig& latent = config_.latent;
  const std::size_t end = std::size_t{entry.first_position} + entry.num_tokens;
  for (std::size_t first = 0; first < end; first += kPieceTokens) {
    const std::size_t count = std::min(kPieceTokens, end - first);
    const MatrixView<float> rows(rows_.data(), count, latent.cached_dim());
    const MatrixView<float> keys(keys_.data(), count, head_dim_);
    const MatrixView<float> values(values_.data(), count, head_dim_);
    const kernels::AttentionEntry cached = {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count),
                                            entry.block_table};
    kernels::load_latent(context, cached, cache, rows);
    const auto latents = heads_of(rows, 1).part(0, latent.kv_lora_rank);
    kernels::head_linear(context, latents, up.part(0, latent.qk_nope_head_dim),
                         heads_of(keys, 1).part(0, latent.qk_nope_head_dim));
    kernels::head_linear(context, latents, up.part(latent.qk_nope_head_dim, latent.v_head_dim),
                         heads_of(values, 1).part(0, latent.v_head_dim));
    copy(MatrixView<const float>(rows.data + latent.kv_lora_rank, count, latent.qk_rope_head_dim, rows.row_stride),
         MatrixView<float>(keys.data + latent.qk_nope_head_dim, count, latent.qk_rope_head_dim, keys.row_stride));
    const kernels::AttentionEntry stored = {cached.first_position, cached.num_tokens, blocks_};
    kernels::store_kv(context, {&stored, 1}, keys, values, head_cache_);
  }
}

void ExpandedAttention::run(const kernels::CpuContext& context, const kernels::AttentionEntry& entry,
                            MatrixView<const float> queries, const kernels::WeightView& up,
                            const kernels::LatentCacheView& cache, float scale, MatrixView<float> out) const {
  const LatentConfig& latent = config_.latent;
  SLUICE_CHECK_LE(std::size_t{entry.first_position} + entry.num_tokens, blocks_.size() * kBlockTokens);
  SLUICE_CHECK_EQ(std::size_t{entry.num_tokens}, queries.rows);
  const std::size_t heads = config_.num_attention_heads;
  const std::size_t query_dim = latent.qk_head_dim();
  const std::size_t value_dim = latent.v_head_dim;
  const auto up_heads = heads_of(up, heads);
  const kernels::AttentionEntry attending = {entry.first_position, entry.num_tokens, blocks_};
  const MatrixView<float> head_queries(queries_.data(), queries.rows, head_dim_);
  const MatrixView<float> found(found_.data(), queries.rows, head_dim_);
  for (std::size_t head = 0; head < heads; ++head) {
    expand(context, entry, heads_of(up_heads.head(head), 1), cache);
    copy({queries.data + head * query_dim, queries.rows, query_dim, queries.row_stride}, head_queries);
    kernels::paged_attention(context, {&attending, 1}, head_queries, head_cache_, scale, found);
    copy(MatrixView<const float>(found.data, queries.rows, value_dim, head_dim_),
         {out.data + head * value_dim, queries.rows, value_dim, out.row_stride});
  }
}

}  // namespace sluice
