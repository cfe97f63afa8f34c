// See embedding/embedding.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

template <class Element>
static void embed_rows(const EmbeddingTask& task, std::size_t begin, std::size_t end) {
  for (std::size_t t = begin; t < end; ++t) {
    const std::size_t first = static_cast<std::size_t>(task.token_ids[t]) * task.columns;
    const void* from = offset(task.table, first * Element::kBytes);
    float* to = task.y + t * task.y_stride;
    for_vectors(
        task.columns, [&](std::size_t i) { store(to + i, Element::load(offset(from, i * Element::kBytes))); },
        [&](std::size_t i, std::size_t n) {
          store_partial(to + i, Element::load_partial(offset(from, i * Element::kBytes), n), n);
        });
  }
}

static void embed(const EmbeddingTask& task, std::size_t begin, std::size_t end) {
  return task.is_bf16 ? embed_rows<ElementBF16>(task, begin, end) : embed_rows<ElementF32>(task, begin, end);
}

}  // namespace sluice::kernels::SLUICE_ISA
