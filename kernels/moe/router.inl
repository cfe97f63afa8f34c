// See moe/router.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/logits/log_softmax.inl"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

static void softmax(const float* logits, std::size_t count, float* scores) {
  const Vec top = broadcast(maximum(logits, count));
  Vec sums = zero();
  for_vectors(
      count,
      [&](std::size_t i) {
        const Vec value = exp(sub(load(logits + i), top));
        sums = add(sums, value);
        store(scores + i, value);
      },
      [&](std::size_t i, std::size_t n) {
        const Vec value = exp(sub(load_partial(logits + i, n), top));
        sums = add(sums, select_first(n, value, zero()));
        store_partial(scores + i, value, n);
      });
  const Vec sum = broadcast(sum_lanes(sums));
  for_vectors(
      count, [&](std::size_t i) { store(scores + i, div(load(scores + i), sum)); },
      [&](std::size_t i, std::size_t n) { store_partial(scores + i, div(load_partial(scores + i, n), sum), n); });
}

static void sigmoid(const float* logits, std::size_t count, float* scores) {
  const Vec one = broadcast(1.0f);
  const auto score = [&](Vec x) { return div(one, add(one, exp(sub(zero(), x)))); };
  for_vectors(
      count, [&](std::size_t i) { store(scores + i, score(load(logits + i))); },
      [&](std::size_t i, std::size_t n) { store_partial(scores + i, score(load_partial(logits + i, n)), n); });
}

}  // namespace sluice::kernels::SLUICE_ISA
