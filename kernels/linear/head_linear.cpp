#include "kernels/linear/head_linear.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {
namespace {

// Calls body(head, begin, end) for ranges of the outputs of every head.
template <class Body>
void for_heads(const CpuContext& context, std::size_t num_heads, std::size_t outputs, std::size_t products_per_output,
               const Body& body) {
  // A multiple of the widest tile, 8 vectors of 16.
  constexpr std::size_t kTile = 128;
  const std::size_t worthwhile = grain_for(products_per_output, kProductsPerChunk);
  const std::size_t piece = std::max((worthwhile + kTile - 1) / kTile, std::size_t{1}) * kTile;
  const std::size_t pieces = (outputs + piece - 1) / piece;
  const std::size_t grain = grain_for(products_per_output * std::min(piece, outputs), kProductsPerChunk);
  context.parallel(num_heads * pieces, grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t first = i % pieces * piece;
      body(i / pieces, first, std::min(first + piece, outputs));
    }
  });
}

void check_shapes(const HeadsView<const float>& x, const HeadWeightsView& w, const HeadsView<float>& y,
                  std::size_t inputs, std::size_t outputs) {
  SLUICE_CHECK(w.dtype == DType::kF32 || w.dtype == DType::kBF16);
  SLUICE_CHECK_EQ(x.num_heads, w.num_heads);
  SLUICE_CHECK_EQ(y.num_heads, w.num_heads);
  SLUICE_CHECK_EQ(x.columns, inputs);
  SLUICE_CHECK_EQ(y.columns, outputs);
  SLUICE_CHECK_EQ(y.rows, x.rows);
}

}  // namespace

void head_linear(const CpuContext& context, HeadsView<const float> x, const HeadWeightsView& w, HeadsView<float> y) {
  check_shapes(x, w, y, w.columns, w.rows);
  if (x.rows == 0) return;
  const KernelTable& kernels = kernel_table(context.path);
  const auto kernel = w.dtype == DType::kBF16 ? kernels.linear_bf16 : kernels.linear_f32;
  for_heads(context, w.num_heads, w.rows, x.rows * w.columns,
            [&](std::size_t head, std::size_t begin, std::size_t end) {
              const LinearTask task{.x = x.head(0, head),
                                    .x_stride = x.row_stride,
                                    .tokens = x.rows,
                                    .w = w.head(head).data,
                                    .w_stride = w.row_stride,
                                    .k = w.columns,
                                    .bias = nullptr,
                                    .bias_is_bf16 = false,
                                    .accumulate = false,
                                    .y = y.head(0, head),
                                    .y_stride = y.row_stride};
              kernel(task, begin, end);
            });
}

void head_linear_transposed(const CpuContext& context, HeadsView<const float> x, const HeadWeightsView& w,
                            HeadsView<float> y) {
  check_shapes(x, w, y, w.rows, w.columns);
  if (x.rows == 0) return;
  const KernelTable& kernels = kernel_table(context.path);
  const auto kernel = w.dtype == DType::kBF16 ? kernels.transposed_bf16 : kernels.transposed_f32;
  for_heads(context, w.num_heads, w.columns, x.rows * w.rows,
            [&](std::size_t head, std::size_t begin, std::size_t end) {
              const TransposedTask task{.x = x.head(0, head),
                                        .x_stride = x.row_stride,
                                        .tokens = x.rows,
                                        .w = w.head(head).data,
                                        .w_stride = w.row_stride,
                                        .k = w.rows,
                                        .y = y.head(0, head),
                                        .y_stride = y.row_stride};
              kernel(task, begin, end);
            });
}

}  // namespace sluice::kernels
