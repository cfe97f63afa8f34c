#include "kernels/latent_attention/latent_attention.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/attention/entry_items.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {
namespace {

// Heads that a thread takes at a time: three tiles of the widest path, to make good use of slots while they are in the
// core's cache; one where threads would have nothing to do.
constexpr std::size_t kHeadsPerItem = 18;
constexpr std::size_t kHeadsOfTile = 6;

void check_cache(const LatentCacheView& cache) {
  const LatentCacheLayout& layout = cache.layout;
  SLUICE_CHECK_GT(layout.block_tokens, std::size_t{0});
  SLUICE_CHECK_GT(layout.latent_dim, std::size_t{0});
}

LatentCache raw_cache(const LatentCacheView& cache) {
  return {.rows = cache.rows,
          .block_tokens = cache.layout.block_tokens,
          .latent_dim = cache.layout.latent_dim,
          .rope_dim = cache.layout.rope_dim};
}

float* cached_row(const LatentCacheView& cache, const AttentionEntry& entry, std::size_t position) {
  const LatentCacheLayout& layout = cache.layout;
  const std::size_t block = entry.block_table[position / layout.block_tokens].value;
  return cache.rows + (block * layout.block_tokens + position % layout.block_tokens) * layout.row_elements();
}

// Calls on_row(token, position) for the entry's tokens.
template <class OnRow>
void for_rows(const CpuContext& context, const AttentionEntry& entry, std::size_t columns, const OnRow& on_row) {
  context.parallel(entry.num_tokens, grain_for(columns, kElementsPerChunk), [&](std::size_t begin, std::size_t end) {
    for (std::size_t token = begin; token < end; ++token) on_row(token, entry.first_position + token);
  });
}

EntryItems items_for(const CpuContext& context, std::span<const AttentionEntry> entries, std::size_t num_heads) {
  const std::size_t threads = context.pool == nullptr ? 1 : context.pool->threads();
  const auto items_of = [&](std::size_t parts) {
    return EntryItems(entries, parts, kLatentRowsMax / ((num_heads + parts - 1) / parts));
  };
  std::size_t parts = (num_heads + kHeadsPerItem - 1) / kHeadsPerItem;
  while (num_heads > parts * kHeadsOfTile && items_of(parts).count() < threads) ++parts;
  return items_of(parts);
}

}  // namespace

void store_latent(const CpuContext& context, std::span<const AttentionEntry> entries, MatrixView<const float> rows,
                  const LatentCacheView& cache) {
  check_cache(cache);
  SLUICE_CHECK_EQ(check_entries(entries, cache.layout.num_blocks, cache.layout.block_tokens), rows.rows);
  SLUICE_CHECK_EQ(rows.columns, cache.layout.row_elements());
  std::size_t first_row = 0;
  for (const AttentionEntry& entry : entries) {
    for_rows(context, entry, rows.columns, [&](std::size_t token, std::size_t position) {
      std::copy_n(rows.row(first_row + token), rows.columns, cached_row(cache, entry, position));
    });
    first_row += entry.num_tokens;
  }
}

void load_latent(const CpuContext& context, const AttentionEntry& entry, const LatentCacheView& cache,
                 MatrixView<float> rows) {
  check_cache(cache);
  SLUICE_CHECK_EQ(check_entries({&entry, 1}, cache.layout.num_blocks, cache.layout.block_tokens), rows.rows);
  SLUICE_CHECK_EQ(rows.columns, cache.layout.row_elements());
  for_rows(context, entry, rows.columns, [&](std::size_t token, std::size_t position) {
    std::copy_n(cached_row(cache, entry, position), rows.columns, rows.row(token));
  });
}

void latent_attention(const CpuContext& context, std::span<const AttentionEntry> entries, const LatentQueries& queries,
                      const LatentCacheView& cache, float scale, MatrixView<float> out) {
  check_cache(cache);
  const LatentCacheLayout& layout = cache.layout;
  const std::size_t tokens = check_entries(entries, layout.num_blocks, layout.block_tokens);
  const std::size_t num_heads = queries.latent.num_heads;
  SLUICE_CHECK_EQ(queries.latent.rows, tokens);
  SLUICE_CHECK_EQ(queries.latent.columns, layout.latent_dim);
  SLUICE_CHECK_EQ(queries.rope.rows, tokens);
  SLUICE_CHECK_EQ(queries.rope.num_heads, num_heads);
  SLUICE_CHECK_EQ(queries.rope.columns, layout.rope_dim);
  SLUICE_CHECK_EQ(out.rows, tokens);
  SLUICE_CHECK_EQ(out.columns, num_heads * layout.latent_dim);
  if (num_heads == 0) return;
  const auto kernel = kernel_table(context.path).latent_attention;

  const EntryItems items = items_for(context, entries, num_heads);
  if (items.count() == 0) return;
  std::size_t products = 0;
  for (const AttentionEntry& entry : entries) {
    products += entry.num_tokens * (std::size_t{entry.first_position} + entry.num_tokens) * num_heads *
                (layout.row_elements() + layout.latent_dim);
  }
  const auto run_item = [&](const EntryItem& item) {
    const LatentAttentionTask task{.cache = raw_cache(cache),
                                   .first_position = item.entry->first_position,
                                   .block_table = item.entry->block_table.data(),
                                   .latent = queries.latent.head(item.first_row, 0),
                                   .latent_head_stride = queries.latent.head_stride,
                                   .latent_row_stride = queries.latent.row_stride,
                                   .rope = queries.rope.head(item.first_row, 0),
                                   .rope_head_stride = queries.rope.head_stride,
                                   .rope_row_stride = queries.rope.row_stride,
                                   .scale = scale,
                                   .out = out.row(item.first_row),
                                   .out_stride = out.row_stride};
    const std::size_t first_head = item.part * num_heads / items.parts();
    kernel(task, first_head, (item.part + 1) * num_heads / items.parts() - first_head, item.begin, item.end);
  };
  context.parallel(items.count(), grain_for(products / items.count(), kProductsPerChunk),
                   [&](std::size_t begin, std::size_t end) {
                     for (std::size_t i = begin; i < end; ++i) run_item(items.at(i));
                   });
}

}  // namespace sluice::kernels
