// See norm/rms_norm.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

// Four chains of vectors hide the latency of the addition; which element goes where depends on n alone.
static float sum_of_squares(const float* x, std::size_t n) {
  Vec sums[4] = {zero(), zero(), zero(), zero()};
  std::size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (std::size_t j = 0; j < 4; ++j) {
      const Vec value = load(x + i + j * kLanes);
      sums[j] = fma(value, value, sums[j]);
    }
  }
  for_vectors(
      n - i,
      [&](std::size_t j) {
        const Vec value = load(x + i + j);
        sums[0] = fma(value, value, sums[0]);
      },
      [&](std::size_t j, std::size_t left) {
        const Vec value = load_partial(x + i + j, left);
        sums[0] = fma(value, value, sums[0]);
      });
  return sum_lanes(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
}

template <class Element>
static void rms_norm_rows(const RmsNormTask& task, std::size_t begin, std::size_t end) {
  for (std::size_t t = begin; t < end; ++t) {
    const float* x = task.x + t * task.x_stride;
    float* y = task.y + t * task.y_stride;
    const float mean = sum_of_squares(x, task.columns) / static_cast<float>(task.columns);
    const Vec inverse = broadcast(1.0f / __builtin_sqrtf(mean + task.epsilon));
    for_vectors(
        task.columns,
        [&](std::size_t i) {
          const Vec weight = Element::load(offset(task.weight, i * Element::kBytes));
          store(y + i, mul(mul(load(x + i), inverse), weight));
        },
        [&](std::size_t i, std::size_t n) {
          const Vec weight = Element::load_partial(offset(task.weight, i * Element::kBytes), n);
          store_partial(y + i, mul(mul(load_partial(x + i, n), inverse), weight), n);
        });
  }
}

static void rms_norm(const RmsNormTask& task, std::size_t begin, std::size_t end) {
  return task.weight_is_bf16 ? rms_norm_rows<ElementBF16>(task, begin, end)
                             : rms_norm_rows<ElementF32>(task, begin, end);
}

}  // namespace sluice::kernels::SLUICE_ISA
