#include "kernels/attention/attention.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/attention/entry_items.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {
namespace {

void check_cache(const KvCacheView& cache) {
  const KvCacheLayout& layout = cache.layout;
  SLUICE_CHECK(layout.dtype == DType::kF32 || layout.dtype == DType::kF16);
  SLUICE_CHECK_GT(layout.num_kv_heads, std::size_t{0});
  SLUICE_CHECK_GT(layout.block_tokens, std::size_t{0});
  SLUICE_CHECK_GT(layout.head_dim, std::size_t{0});
  SLUICE_CHECK_LE(layout.head_dim, KvCacheLayout::kMaxHeadDim);
}

// A thread takes so many tokens of a KV head that their rows walk the cache together; fewer where threads would have
// nothing to do.
EntryItems items_for(const CpuContext& context, std::span<const AttentionEntry> entries, std::size_t num_kv_heads,
                     std::size_t group) {
  const std::size_t threads = context.pool == nullptr ? 1 : context.pool->threads();
  std::size_t tokens = std::max<std::size_t>(kAttentionRowsMax / group, 1);
  while (tokens > 1 && EntryItems(entries, num_kv_heads, tokens).count() < threads) tokens /= 2;
  return EntryItems(entries, num_kv_heads, tokens);
}

std::size_t check_entries(std::span<const AttentionEntry> entries, const KvCacheLayout& layout) {
  return kernels::check_entries(entries, layout.num_blocks, layout.block_tokens);
}

AttentionCache raw_cache(const KvCacheView& cache) {
  return {.keys = cache.keys,
          .values = cache.values,
          .num_kv_heads = cache.layout.num_kv_heads,
          .block_tokens = cache.layout.block_tokens,
          .head_dim = cache.layout.head_dim};
}

}  // namespace

void store_kv(const CpuContext& context, std::span<const AttentionEntry> entries, MatrixView<const float> keys,
              MatrixView<const float> values, const KvCacheView& cache) {
  check_cache(cache);
  const std::size_t tokens = check_entries(entries, cache.layout);
  const std::size_t columns = cache.layout.num_kv_heads * cache.layout.head_dim;
  SLUICE_CHECK_EQ(keys.rows, tokens);
  SLUICE_CHECK_EQ(keys.columns, columns);
  SLUICE_CHECK_EQ(values.rows, tokens);
  SLUICE_CHECK_EQ(values.columns, columns);
  const KernelTable& kernels = kernel_table(context.path);
  const auto kernel = cache.layout.dtype == DType::kF16 ? kernels.store_kv_f16 : kernels.store_kv_f32;

  std::size_t row = 0;
  for (const AttentionEntry& entry : entries) {
    const StoreKvTask task{.cache = raw_cache(cache),
                           .first_position = entry.first_position,
                           .block_table = entry.block_table.data(),
                           .keys = keys.row(row),
                           .keys_stride = keys.row_stride,
                           .values = values.row(row),
                           .values_stride = values.row_stride};
    // Scattered stores count for a few elements.
    context.parallel(entry.num_tokens, grain_for(4 * columns, kElementsPerChunk),
                     [&](std::size_t begin, std::size_t end) { kernel(task, begin, end); });
    row += entry.num_tokens;
  }
}

void paged_attention(const CpuContext& context, std::span<const AttentionEntry> entries,
                     MatrixView<const float> queries, const KvCacheView& cache, float scale, MatrixView<float> out) {
  check_cache(cache);
  const KvCacheLayout& layout = cache.layout;
  SLUICE_CHECK_EQ(check_entries(entries, layout), queries.rows);
  SLUICE_CHECK_EQ(queries.columns % (layout.num_kv_heads * layout.head_dim), std::size_t{0});
  SLUICE_CHECK_EQ(out.rows, queries.rows);
  SLUICE_CHECK_EQ(out.columns, queries.columns);
  const KernelTable& kernels = kernel_table(context.path);
  const auto kernel = layout.dtype == DType::kF16 ? kernels.attention_f16 : kernels.attention_f32;
  const std::size_t group = queries.columns / (layout.num_kv_heads * layout.head_dim);

  if (group == 0) return;
  const EntryItems items = items_for(context, entries, layout.num_kv_heads, group);
  if (items.count() == 0) return;
  std::size_t products = 0;
  for (const AttentionEntry& entry : entries) {
    products += entry.num_tokens * (std::size_t{entry.first_position} + entry.num_tokens) * queries.columns * 2;
  }
  const auto run_item = [&](const EntryItem& item) {
    const AttentionTask task{.cache = raw_cache(cache),
                             .first_position = item.entry->first_position,
                             .block_table = item.entry->block_table.data(),
                             .queries = queries.row(item.first_row),
                             .queries_stride = queries.row_stride,
                             .group = group,
                             .scale = scale,
                             .out = out.row(item.first_row),
                             .out_stride = out.row_stride};
    kernel(task, item.part, item.begin, item.end);
  };
  context.parallel(items.count(), grain_for(products / items.count(), kProductsPerChunk),
                   [&](std::size_t begin, std::size_t end) {
                     for (std::size_t i = begin; i < end; ++i) run_item(items.at(i));
                   });
}

}  // namespace sluice::kernels
