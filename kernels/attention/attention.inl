// See attention/attention.h. Rows are (token, query head of one group) pairs: they read the same keys and values, so
// many of them walk the cache together, tile by tile, and a few at a time are multiplied in registers. A row's limit is
// not below that of the row before it.
#include "kernels/attention/kv_cache_layout.h"
#include "kernels/attention/tile_softmax.inl"
#include "kernels/isa/kernel_table.h"
#include "kernels/linear/weighted_rows.inl"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

constexpr std::size_t kRowsMax = 4;
constexpr std::size_t kHeadDimMax = KvCacheLayout::kMaxHeadDim;

// What a row has gathered from the tiles so far.
struct AttentionRow {
  const float* query;
  float* out;
  std::size_t limit;  // Positions [0, limit) are visible.
  TileSoftmax softmax;
  float values[kHeadDimMax];  // Sum of exp(score - maximum) * value.
};

// Up to kLanes neighbouring slots of one block: their keys, one row of slots per element of a head.
struct KeySlots {
  const void* first;
  std::size_t count;
  std::size_t column;  // Position in the tile.
};

// Where the positions of a tile lie in the cache.
template <class Element>
struct CacheTile {
  KeySlots keys[kTilePositions];
  std::size_t num_keys = 0;
  const void* values[kTilePositions];

  void locate(const AttentionTask& task, std::size_t kv_head, std::size_t first, std::size_t end) {
    const AttentionCache& cache = task.cache;
    num_keys = 0;
    for (std::size_t position = first; position < end;) {
      const std::size_t slot = position % cache.block_tokens;
      const std::size_t block = task.block_table[position / cache.block_tokens].value;
      const std::size_t head = (block * cache.num_kv_heads + kv_head) * cache.block_tokens * cache.head_dim;
      const std::size_t count = smaller(smaller(end - position, cache.block_tokens - slot), kLanes);
      // Where the block goes on, a whole vector is faster than a part; what it reads too much is ignored.
      const bool whole = slot + kLanes <= cache.block_tokens;
      keys[num_keys++] = {offset(cache.keys, (head + slot) * Element::kBytes), whole ? kLanes : count,
                          position - first};
      for (std::size_t i = 0; i < count; ++i) {
        values[position - first + i] = offset(cache.values, (head + (slot + i) * cache.head_dim) * Element::kBytes);
      }
      position += count;
    }
  }
};

// Scores of Rows rows and Vectors groups of slots: each a chain along the head's elements.
template <class Element, std::size_t Rows, std::size_t Vectors>
inline void score_slots(const AttentionTask& task, AttentionRow* rows, const KeySlots* slots) {
  Vec sums[Rows][Vectors];
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) sums[r][v] = zero();
  }
  const std::size_t step = task.cache.block_tokens * Element::kBytes;
  for (std::size_t d = 0; d < task.cache.head_dim; ++d) {
    Vec keys[Vectors];
    for (std::size_t v = 0; v < Vectors; ++v) {
      const void* from = offset(slots[v].first, d * step);
      keys[v] =
          Vectors > 1 || slots[v].count == kLanes ? Element::load(from) : Element::load_partial(from, slots[v].count);
    }
    for (std::size_t r = 0; r < Rows; ++r) {
      const Vec query = broadcast(rows[r].query[d]);
      for (std::size_t v = 0; v < Vectors; ++v) sums[r][v] = fma(query, keys[v], sums[r][v]);
    }
  }
  const Vec scale = broadcast(task.scale);
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) store(rows[r].softmax.scores + slots[v].column, mul(sums[r][v], scale));
  }
}

template <class Element, std::size_t Rows>
static void score_tile(const AttentionTask& task, AttentionRow* rows, const CacheTile<Element>& tile) {
  std::size_t i = 0;
  while (i < tile.num_keys) {
    bool whole = i + kScoreVectors <= tile.num_keys;
    for (std::size_t v = 0; whole && v < kScoreVectors; ++v) whole = tile.keys[i + v].count == kLanes;
    if (whole) {
      score_slots<Element, Rows, kScoreVectors>(task, rows, tile.keys + i);
      i += kScoreVectors;
    } else {
      score_slots<Element, Rows, 1>(task, rows, tile.keys + i);
      ++i;
    }
  }
}

// Takes `visible` scores of a tile into the row's softmax, and rescales what the row has gathered.
static void weigh_tile(AttentionRow& row, std::size_t visible, std::size_t head_dim) {
  row.softmax.take(visible, [&](Vec factor) {
    for (std::size_t d = 0; d < head_dim; d += kLanes) store(row.values + d, mul(load(row.values + d), factor));
  });
}

// Adds weight * value of positions [begin, end) of the tile.
template <class Element, std::size_t Rows>
static void add_values(AttentionRow* rows, const CacheTile<Element>& tile, std::size_t begin, std::size_t end,
                       std::size_t head_dim) {
  float* values[Rows];
  const float* weights[Rows];
  for (std::size_t r = 0; r < Rows; ++r) {
    values[r] = rows[r].values;
    weights[r] = rows[r].softmax.scores;
  }
  add_weighted_rows<Element, Rows, kValueVectors>(values, weights, begin, end, 0, head_dim,
                                                  [&](std::size_t j) { return tile.values[j]; });
}

// Rows with limits of their own: what all of them see is added together, the rest row by row. A weight of zero for what
// a row does not see would not do: zero times infinity is NaN, and adding zero can change the sign of a zero.
template <class Element, std::size_t Rows>
static void attend_tile(const AttentionTask& task, AttentionRow* rows, const CacheTile<Element>& tile,
                        std::size_t first) {
  score_tile<Element, Rows>(task, rows, tile);
  std::size_t visible[Rows];
  std::size_t common = kTilePositions;
  for (std::size_t r = 0; r < Rows; ++r) {
    visible[r] = rows[r].limit <= first ? 0 : smaller(rows[r].limit - first, kTilePositions);
    common = smaller(common, visible[r]);
    if (visible[r] != 0) weigh_tile(rows[r], visible[r], task.cache.head_dim);
  }
  add_values<Element, Rows>(rows, tile, 0, common, task.cache.head_dim);
  for (std::size_t r = 0; r < Rows; ++r) {
    if (visible[r] > common) add_values<Element, 1>(rows + r, tile, common, visible[r], task.cache.head_dim);
  }
}

template <class Element, std::size_t Rows>
inline void attend_group(const AttentionTask& task, AttentionRow* rows, std::size_t count,
                         const CacheTile<Element>& tile, std::size_t first) {
  if constexpr (Rows > 0) {
    if (count == Rows) return attend_tile<Element, Rows>(task, rows, tile, first);
    attend_group<Element, Rows - 1>(task, rows, count, tile, first);
  }
}

template <class Element>
static void attend_rows(const AttentionTask& task, std::size_t kv_head, AttentionRow* rows, std::size_t count) {
  const std::size_t head_dim = task.cache.head_dim;
  for (std::size_t r = 0; r < count; ++r) {
    rows[r].softmax.start();
    for (std::size_t d = 0; d < head_dim; d += kLanes) store(rows[r].values + d, zero());
  }
  const std::size_t limit = rows[count - 1].limit;
  CacheTile<Element> tile;
  for (std::size_t first = 0; first < limit; first += kTilePositions) {
    tile.locate(task, kv_head, first, smaller(first + kTilePositions, limit));
    for (std::size_t r = 0; r < count; r += kRowsMax) {
      const std::size_t in_group = smaller(kRowsMax, count - r);
      if (rows[r + in_group - 1].limit > first) attend_group<Element, kRowsMax>(task, rows + r, in_group, tile, first);
    }
  }
  for (std::size_t r = 0; r < count; ++r) {
    const Vec inverse = broadcast(1.0f / sum_lanes(rows[r].softmax.sums));
    const float* values = rows[r].values;
    float* out = rows[r].out;
    for_vectors(
        head_dim, [&](std::size_t d) { store(out + d, mul(load(values + d), inverse)); },
        [&](std::size_t d, std::size_t n) { store_partial(out + d, mul(load_partial(values + d, n), inverse), n); });
  }
}

template <class Element>
static void attention(const AttentionTask& task, std::size_t kv_head, std::size_t begin, std::size_t end) {
  const std::size_t head_dim = task.cache.head_dim;
  const std::size_t num_rows = (end - begin) * task.group;
  AttentionRow rows[kAttentionRowsMax];
  for (std::size_t first = 0; first < num_rows; first += kAttentionRowsMax) {
    const std::size_t count = smaller(kAttentionRowsMax, num_rows - first);
    for (std::size_t r = 0; r < count; ++r) {
      const std::size_t token = begin + (first + r) / task.group;
      const std::size_t head = kv_head * task.group + (first + r) % task.group;
      rows[r].query = task.queries + token * task.queries_stride + head * head_dim;
      rows[r].out = task.out + token * task.out_stride + head * head_dim;
      rows[r].limit = task.first_position + token + 1;
    }
    attend_rows<Element>(task, kv_head, rows, count);
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
