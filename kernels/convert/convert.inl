// See convert/convert.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

static void convert_to_bf16(const ConvertTask& task, std::size_t begin, std::size_t end) {
  for (std::size_t t = begin; t < end; ++t) {
    const float* x = task.x + t * task.x_stride;
    std::uint16_t* y = task.y + t * task.y_stride;
    for_vectors(
        task.columns, [&](std::size_t i) { store_bf16(y + i, load(x + i)); },
        [&](std::size_t i, std::size_t n) { store_bf16_partial(y + i, load_partial(x + i, n), n); });
  }
}

}  // namespace sluice::kernels::SLUICE_ISA
