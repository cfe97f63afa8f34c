// See activation/swiglu.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

inline Vec silu_times(Vec gate, Vec up) {
  const Vec denominator = add(broadcast(1.0f), exp(sub(zero(), gate)));
  return mul(div(gate, denominator), up);
}

static void swiglu(const SwigluTask& task, std::size_t begin, std::size_t end) {
  for (std::size_t t = begin; t < end; ++t) {
    const float* gate = task.gate + t * task.gate_stride;
    const float* up = task.up + t * task.up_stride;
    float* y = task.y + t * task.y_stride;
    for_vectors(
        task.columns, [&](std::size_t i) { store(y + i, silu_times(load(gate + i), load(up + i))); },
        [&](std::size_t i, std::size_t n) {
          store_partial(y + i, silu_times(load_partial(gate + i, n), load_partial(up + i, n)), n);
        });
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
