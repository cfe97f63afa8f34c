// See latent_attention/latent_attention.h. Rows are (token, head) pairs: all heads read the same slots, so many of them
// walk the cache together, tile by tile, and a few heads of one token at a time are multiplied in registers. What a row
// gathers lies in its output.
#include "kernels/attention/tile_softmax.inl"
#include "kernels/isa/kernel_table.h"
#include "kernels/linear/product_tile.inl"
#include "kernels/linear/weighted_rows.inl"

namespace sluice::kernels::SLUICE_ISA {

constexpr std::size_t kLatentTileHeads = kLinearTileTokens;
constexpr std::size_t kLatentVectors = 4;

struct LatentRow {
  const float* latent;
  const float* rope;
  float* out;  // Sum of exp(score - maximum) * latent vector, so far.
  TileSoftmax softmax;
};

// Where the positions of a tile lie in the cache.
struct LatentTile {
  const float* slots[kTilePositions];

  void locate(const LatentAttentionTask& task, std::size_t first, std::size_t end) {
    const LatentCache& cache = task.cache;
    for (std::size_t position = first; position < end; ++position) {
      const std::size_t block = task.block_table[position / cache.block_tokens].value;
      const std::size_t slot = block * cache.block_tokens + position % cache.block_tokens;
      slots[position - first] = cache.rows + slot * (cache.latent_dim + cache.rope_dim);
    }
  }
};

// Scores of Heads rows with Slots slots.
template <std::size_t Heads, std::size_t Slots>
inline void score_latent(const LatentAttentionTask& task, LatentRow* rows, const float* const* slots,
                         std::size_t column) {
  const float* latent[Heads];
  const float* rope[Heads];
  for (std::size_t r = 0; r < Heads; ++r) {
    latent[r] = rows[r].latent;
    rope[r] = rows[r].rope;
  }
  const void* unrotated[Slots];
  const void* rotated[Slots];
  for (std::size_t j = 0; j < Slots; ++j) {
    unrotated[j] = slots[j];
    rotated[j] = slots[j] + task.cache.latent_dim;
  }
  ProductTile<Heads, Slots> tile;
  add_products<ElementF32>(tile, latent, unrotated, task.cache.latent_dim);
  add_products<ElementF32>(tile, rope, rotated, task.cache.rope_dim);
  for (std::size_t r = 0; r < Heads; ++r) {
    float* scores = rows[r].softmax.scores + column;
    sum_products(tile, r, scores);
    for (std::size_t j = 0; j < Slots; ++j) scores[j] *= task.scale;
  }
}

// Heads rows of one token, which see the first `visible` positions of the tile.
template <std::size_t Heads>
static void attend_latent(const LatentAttentionTask& task, LatentRow* rows, const LatentTile& tile,
                          std::size_t visible) {
  std::size_t j = 0;
  for (; j + 4 <= visible; j += 4) score_latent<Heads, 4>(task, rows, tile.slots + j, j);
  for (; j < visible; ++j) score_latent<Heads, 1>(task, rows, tile.slots + j, j);

  const std::size_t latent_dim = task.cache.latent_dim;
  float* out[Heads];
  const float* weights[Heads];
  for (std::size_t r = 0; r < Heads; ++r) {
    out[r] = rows[r].out;
    weights[r] = rows[r].softmax.scores;
    rows[r].softmax.take(visible, [&](Vec factor) { scale_vector(out[r], factor, latent_dim); });
  }
  add_weighted_rows<ElementF32, Heads, kLatentVectors>(out, weights, 0, visible, 0, latent_dim,
                                                       [&](std::size_t position) { return tile.slots[position]; });
}

template <std::size_t Heads>
inline void attend_latent_heads(const LatentAttentionTask& task, LatentRow* rows, std::size_t count,
                                const LatentTile& tile, std::size_t visible) {
  if constexpr (Heads > 0) {
    if (count == Heads) return attend_latent<Heads>(task, rows, tile, visible);
    attend_latent_heads<Heads - 1>(task, rows, count, tile, visible);
  }
}

static void latent_attention(const LatentAttentionTask& task, std::size_t first_head, std::size_t num_heads,
                             std::size_t begin, std::size_t end) {
  const std::size_t latent_dim = task.cache.latent_dim;
  LatentRow rows[kLatentRowsMax];
  const std::size_t num_rows = (end - begin) * num_heads;
  for (std::size_t i = 0; i < num_rows; ++i) {
    const std::size_t token = begin + i / num_heads;
    const std::size_t head = first_head + i % num_heads;
    rows[i].latent = task.latent + token * task.latent_row_stride + head * task.latent_head_stride;
    rows[i].rope = task.rope + token * task.rope_row_stride + head * task.rope_head_stride;
    rows[i].out = task.out + token * task.out_stride + head * latent_dim;
    rows[i].softmax.start();
    for_vectors(
        latent_dim, [&](std::size_t d) { store(rows[i].out + d, zero()); },
        [&](std::size_t d, std::size_t n) { store_partial(rows[i].out + d, zero(), n); });
  }

  // Tiles of heads of about the same size: 16 heads as 6, 5, 5 rather than 6, 6, 4.
  const std::size_t groups = (num_heads + kLatentTileHeads - 1) / kLatentTileHeads;
  const std::size_t limit = task.first_position + end;
  LatentTile tile;
  for (std::size_t first = 0; first < limit; first += kTilePositions) {
    tile.locate(task, first, smaller(first + kTilePositions, limit));
    for (std::size_t token = begin; token < end; ++token) {
      const std::size_t seen = task.first_position + token + 1;
      if (seen <= first) continue;
      LatentRow* of_token = rows + (token - begin) * num_heads;
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t from = g * num_heads / groups;
        attend_latent_heads<kLatentTileHeads>(task, of_token + from, (g + 1) * num_heads / groups - from, tile,
                                              smaller(seen - first, kTilePositions));
      }
    }
  }
  for (std::size_t i = 0; i < num_rows; ++i) {
    scale_vector(rows[i].out, broadcast(1.0f / sum_lanes(rows[i].softmax.sums)), latent_dim);
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
