#include <cmath>
#include <vector>

#include "kernels/latent_attention/latent_attention.h"

namespace sluice::kernels {
namespace {

float* row_at(const LatentCacheView& cache, const AttentionEntry& entry, std::size_t position) {
  const std::size_t block_tokens = cache.layout.block_tokens;
  const std::size_t slot = entry.block_table[position / block_tokens].value * block_tokens + position % block_tokens;
  return cache.rows + slot * cache.layout.row_elements();
}

// One head of one token.
void attend(const AttentionEntry& entry, std::size_t position, const float* latent, const float* rope,
            const LatentCacheView& cache, float scale, float* out) {
  const LatentCacheLayout& layout = cache.layout;
  std::vector<double> weights(position + 1);
  double maximum = -INFINITY;
  for (std::size_t j = 0; j <= position; ++j) {
    const float* row = row_at(cache, entry, j);
    for (std::size_t d = 0; d < layout.row_elements(); ++d) {
      const double query = d < layout.latent_dim ? latent[d] : rope[d - layout.latent_dim];
      weights[j] += query * row[d];
    }
    weights[j] *= scale;
    maximum = std::fmax(maximum, weights[j]);
  }
  double sum = 0;
  for (double& weight : weights) sum += weight = std::exp(weight - maximum);
  for (std::size_t d = 0; d < layout.latent_dim; ++d) {
    double value = 0;
    for (std::size_t j = 0; j <= position; ++j) value += weights[j] * row_at(cache, entry, j)[d];
    out[d] = static_cast<float>(value / sum);
  }
}

}  // namespace

void store_latent_reference(std::span<const AttentionEntry> entries, MatrixView<const float> rows,
                            const LatentCacheView& cache) {
  std::size_t row = 0;
  for (const AttentionEntry& entry : entries) {
    for (std::size_t t = 0; t < entry.num_tokens; ++t, ++row) {
      float* to = row_at(cache, entry, entry.first_position + t);
      for (std::size_t d = 0; d < rows.columns; ++d) to[d] = rows.row(row)[d];
    }
  }
}

void latent_attention_reference(std::span<const AttentionEntry> entries, const LatentQueries& queries,
                                const LatentCacheView& cache, float scale, MatrixView<float> out) {
  std::size_t row = 0;
  for (const AttentionEntry& entry : entries) {
    for (std::size_t t = 0; t < entry.num_tokens; ++t, ++row) {
      for (std::size_t h = 0; h < queries.latent.num_heads; ++h) {
        attend(entry, entry.first_position + t, queries.latent.head(row, h), queries.rope.head(row, h), cache, scale,
               out.row(row) + h * cache.layout.latent_dim);
      }
    }
  }
}

}  // namespace sluice::kernels
