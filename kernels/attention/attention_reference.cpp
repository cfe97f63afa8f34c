#include <cmath>
#include <vector>

#include "kernels/attention/attention.h"

namespace sluice::kernels {
namespace {

std::size_t head_offset(const KvCacheLayout& layout, const AttentionEntry& entry, std::size_t position,
                        std::size_t kv_head) {
  const std::size_t block = entry.block_table[position / layout.block_tokens].value;
  return block * layout.block_elements() + kv_head * layout.head_elements();
}

std::size_t key_index(const KvCacheLayout& layout, const AttentionEntry& entry, std::size_t position,
                      std::size_t kv_head, std::size_t d) {
  return head_offset(layout, entry, position, kv_head) + d * layout.block_tokens + position % layout.block_tokens;
}

std::size_t value_index(const KvCacheLayout& layout, const AttentionEntry& entry, std::size_t position,
                        std::size_t kv_head, std::size_t d) {
  return head_offset(layout, entry, position, kv_head) + position % layout.block_tokens * layout.head_dim + d;
}

double element(DType dtype, const void* array, std::size_t index) {
  return dtype == DType::kF32 ? static_cast<const float*>(array)[index] : to_f32(static_cast<const F16*>(array)[index]);
}

void set_element(DType dtype, void* array, std::size_t index, float value) {
  if (dtype == DType::kF32) {
    static_cast<float*>(array)[index] = value;
  } else {
    static_cast<F16*>(array)[index] = to_f16(value);
  }
}

// One query head of one token.
void attend(const AttentionEntry& entry, std::size_t position, std::size_t kv_head, const float* query,
            const KvCacheView& cache, float scale, float* out) {
  const KvCacheLayout& layout = cache.layout;
  std::vector<double> weights(position + 1);
  double maximum = -INFINITY;
  for (std::size_t j = 0; j <= position; ++j) {
    for (std::size_t d = 0; d < layout.head_dim; ++d) {
      weights[j] += query[d] * element(layout.dtype, cache.keys, key_index(layout, entry, j, kv_head, d));
    }
    weights[j] *= scale;
    maximum = std::fmax(maximum, weights[j]);
  }
  double sum = 0;
  for (double& weight : weights) sum += weight = std::exp(weight - maximum);
  for (std::size_t d = 0; d < layout.head_dim; ++d) {
    double value = 0;
    for (std::size_t j = 0; j <= position; ++j) {
      value += weights[j] * element(layout.dtype, cache.values, value_index(layout, entry, j, kv_head, d));
    }
    out[d] = static_cast<float>(value / sum);
  }
}

}  // namespace

void store_kv_reference(std::span<const AttentionEntry> entries, MatrixView<const float> keys,
                        MatrixView<const float> values, const KvCacheView& cache) {
  const KvCacheLayout& layout = cache.layout;
  std::size_t row = 0;
  for (const AttentionEntry& entry : entries) {
    for (std::size_t t = 0; t < entry.num_tokens; ++t, ++row) {
      const std::size_t position = entry.first_position + t;
      for (std::size_t i = 0; i < keys.columns; ++i) {
        const std::size_t g = i / layout.head_dim, d = i % layout.head_dim;
        set_element(layout.dtype, cache.keys, key_index(layout, entry, position, g, d), keys.row(row)[i]);
        set_element(layout.dtype, cache.values, value_index(layout, entry, position, g, d), values.row(row)[i]);
      }
    }
  }
}

void paged_attention_reference(std::span<const AttentionEntry> entries, MatrixView<const float> queries,
                               const KvCacheView& cache, float scale, MatrixView<float> out) {
  const std::size_t head_dim = cache.layout.head_dim;
  const std::size_t num_heads = queries.columns / head_dim;
  const std::size_t group = num_heads / cache.layout.num_kv_heads;
  std::size_t row = 0;
  for (const AttentionEntry& entry : entries) {
    for (std::size_t t = 0; t < entry.num_tokens; ++t, ++row) {
      for (std::size_t h = 0; h < num_heads; ++h) {
        attend(entry, entry.first_position + t, h / group, queries.row(row) + h * head_dim, cache, scale,
               out.row(row) + h * head_dim);
      }
    }
  }
}

}  // namespace sluice::kernels
