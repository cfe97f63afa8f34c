// See attention/attention.h.
#pragma once

#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

template <class Element>
static void store_vector(typename Element::Stored* to, const float* from, std::size_t count) {
  for_vectors(
      count, [&](std::size_t i) { Element::store(to + i, load(from + i)); },
      [&](std::size_t i, std::size_t n) { Element::store_partial(to + i, load_partial(from + i, n), n); });
}

// Keys of one slot lie block_tokens elements apart.
template <class Element>
static void scatter_vector(typename Element::Stored* to, std::size_t step, const float* from, std::size_t count) {
  typename Element::Stored rounded[kLanes];
  const auto scatter = [&](std::size_t i, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) to[(i + j) * step] = rounded[j];
  };
  for_vectors(
      count,
      [&](std::size_t i) {
        Element::store(rounded, load(from + i));
        scatter(i, kLanes);
      },
      [&](std::size_t i, std::size_t n) {
        Element::store_partial(rounded, load_partial(from + i, n), n);
        scatter(i, n);
      });
}

template <class Element>
static void store_kv(const StoreKvTask& task, std::size_t begin, std::size_t end) {
  const AttentionCache& cache = task.cache;
  auto* const keys = static_cast<typename Element::Stored*>(cache.keys);
  auto* const values = static_cast<typename Element::Stored*>(cache.values);
  for (std::size_t t = begin; t < end; ++t) {
    const std::size_t position = task.first_position + t;
    const std::size_t block = task.block_table[position / cache.block_tokens].value;
    const std::size_t slot = position % cache.block_tokens;
    for (std::size_t g = 0; g < cache.num_kv_heads; ++g) {
      const std::size_t head = (block * cache.num_kv_heads + g) * cache.block_tokens * cache.head_dim;
      scatter_vector<Element>(keys + head + slot, cache.block_tokens,
                              task.keys + t * task.keys_stride + g * cache.head_dim, cache.head_dim);
      store_vector<Element>(values + head + slot * cache.head_dim,
                            task.values + t * task.values_stride + g * cache.head_dim, cache.head_dim);
    }
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
