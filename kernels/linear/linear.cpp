#include "kernels/linear/linear.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {
namespace {

// Weights of one chunk of rows, which all tokens walk over: they should stay in the second-level cache.
constexpr std::size_t kPanelBytes = std::size_t{256} << 10;

// Rows of w in a chunk: a multiple of the widest tile (8), small enough for the cache and for a few chunks per thread,
// large enough to be worth claiming.
std::size_t rows_per_chunk(const CpuContext& context, std::size_t tokens, const WeightView& w) {
  const std::size_t row_bytes = std::max<std::size_t>(1, w.columns * size_bytes(w.dtype));
  const std::size_t in_cache = kPanelBytes / row_bytes;
  const std::size_t threads = context.pool == nullptr ? 1 : context.pool->threads();
  const std::size_t shared_out = threads == 1 ? w.rows : w.rows / (4 * threads);
  const std::size_t worthwhile = grain_for(tokens * w.columns, kProductsPerChunk);
  return std::max(std::min(in_cache, std::max(shared_out, worthwhile)) / 8 * 8, std::size_t{8});
}

}  // namespace

void linear(const CpuContext& context, MatrixView<const float> x, const WeightView& w, MatrixView<float> y,
            const LinearOptions& options) {
  SLUICE_CHECK(w.dtype == DType::kF32 || w.dtype == DType::kBF16);
  SLUICE_CHECK_EQ(w.columns, x.columns);
  SLUICE_CHECK_EQ(y.rows, x.rows);
  SLUICE_CHECK_EQ(y.columns, w.rows);
  if (!options.bias.empty()) {
    SLUICE_CHECK(options.bias.dtype == DType::kF32 || options.bias.dtype == DType::kBF16);
    SLUICE_CHECK_EQ(options.bias.rows, std::size_t{1});
    SLUICE_CHECK_EQ(options.bias.columns, w.rows);
  }
  if (x.rows == 0) return;
  const LinearTask task{.x = x.data,
                        .x_stride = x.row_stride,
                        .tokens = x.rows,
                        .w = w.data,
                        .w_stride = w.stride(),
                        .k = w.columns,
                        .bias = options.bias.data,
                        .bias_is_bf16 = options.bias.dtype == DType::kBF16,
                        .accumulate = options.accumulate,
                        .y = y.data,
                        .y_stride = y.row_stride};
  const KernelTable& kernels = kernel_table(context.path);
  const auto kernel = w.dtype == DType::kBF16 ? kernels.linear_bf16 : kernels.linear_f32;
  const std::size_t grain = rows_per_chunk(context, x.rows, w);
  context.parallel(w.rows, grain, [&](std::size_t begin, std::size_t end) {
    // A range may hold several chunks where there is one thread: keep to the cache all the same.
    for (std::size_t n = begin; n < end; n += grain) kernel(task, n, std::min(n + grain, end));
  });
}

}  // namespace sluice::kernels
