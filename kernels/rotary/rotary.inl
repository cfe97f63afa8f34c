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

static void apply_rotary_halves(const RotaryTask& task, std::size_t begin, std::size_t end) {
  for (std::size_t t = begin; t < end; ++t) {
    const float* cosines = task.cosines + t * task.cosines_stride;
    const float* sines = task.sines + t * task.sines_stride;
    for (std::size_t h = 0; h < task.num_heads; ++h) {
      rotate_head(task.x + t * task.x_stride + h * task.head_stride, cosines, sines, task.frequencies);
    }
  }
}

// `count` elements at the same place of every head. A lane gets its element times the pair's cosine, plus the other
// element times the sine, which is negative in even lanes: the products and the sum of rotate_head().
static void rotate_columns(const RotaryTask& task, float* first, const float* cosines, const float* sines,
                           std::size_t count) {
  float cosine_of[kLanes] = {};
  float sine_of[kLanes] = {};
  for (std::size_t i = 0; i < count; ++i) {
    cosine_of[i] = cosines[i / 2];
    sine_of[i] = i % 2 == 0 ? -sines[i / 2] : sines[i / 2];
  }
  const Vec c = load(cosine_of), s = load(sine_of);
  const auto rotated = [&](Vec x) { return add(mul(x, c), mul(swap_neighbours(x), s)); };
  for (std::size_t h = 0; h < task.num_heads; ++h) {
    float* x = first + h * task.head_stride;
    if (count == kLanes) {
      store(x, rotated(load(x)));
    } else {
      store_partial(x, rotated(load_partial(x, count)), count);
    }
  }
}

static void apply_rotary_interleaved(const RotaryTask& task, std::size_t begin, std::size_t end) {
  for (std::size_t t = begin; t < end; ++t) {
    for (std::size_t i = 0; i < 2 * task.frequencies; i += kLanes) {
      rotate_columns(task, task.x + t * task.x_stride + i, task.cosines + t * task.cosines_stride + i / 2,
                     task.sines + t * task.sines_stride + i / 2, smaller(kLanes, 2 * task.frequencies - i));
    }
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
