// See rotary/rotary.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

static void rotate_head(float* head, const float* cosines, const float* sines, std::size_t frequencies) {
  float* upper = head + frequencies;
  for_vectors(
      frequencies,
      [&](std::size_t i) {
        const Vec c = load(cosines + i), s = load(sines + i), a = load(head + i), b = load(upper + i);
        store(head + i, sub(mul(a, c), mul(b, s)));
        store(upper + i, add(mul(b, c), mul(a, s)));
      },
      [&](std::size_t i, std::size_t n) {
        const Vec c = load_partial(cosines + i, n), s = load_partial(sines + i, n);
        const Vec a = load_partial(head + i, n), b = load_partial(upper + i, n);
        store_partial(head + i, sub(mul(a, c), mul(b, s)), n);
        store_partial(upper + i, add(mul(b, c), mul(a, s)), n);
      });
}

static void apply_rotary(const RotaryTask& task, std::size_t begin, std::size_t end) {
  for (std::size_t t = begin; t < end; ++t) {
    const float* cosines = task.cosines + t * task.cosines_stride;
    const float* sines = task.sines + t * task.sines_stride;
    for (std::size_t h = 0; h < task.num_heads; ++h) {
      rotate_head(task.x + t * task.x_stride + h * task.head_dim, cosines, sines, task.frequencies);
    }
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
