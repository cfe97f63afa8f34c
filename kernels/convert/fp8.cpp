#include "kernels/convert/fp8.h"

#include <atomic>
#include <cmath>

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {
namespace {

std::size_t blocks_of(std::size_t length, std::size_t block) {
  return length / block + (length % block != 0 ? 1 : 0);
}

// Where the first of `count` faults is.
Fp8Faults locate_faults(std::size_t count, MatrixView<const BF16> y) {
  Fp8Faults faults{.count = count};
  for (; faults.row < y.rows; ++faults.row) {
    for (faults.column = 0; faults.column < y.columns; ++faults.column) {
      if (!std::isfinite(to_f32(y.row(faults.row)[faults.column]))) return faults;
    }
  }
  return {};
}

}  // namespace

Fp8Faults convert_fp8_to_bf16(const CpuContext& context, MatrixView<const std::uint8_t> x, const BlockScales& scales,
                              MatrixView<BF16> y) {
  SLUICE_CHECK_GT(scales.block_rows, std::size_t{0});
  SLUICE_CHECK_GT(scales.block_columns, std::size_t{0});
  SLUICE_CHECK(scales.scales.dtype == DType::kF32);
  SLUICE_CHECK_EQ(scales.scales.rows, blocks_of(x.rows, scales.block_rows));
  SLUICE_CHECK_EQ(scales.scales.columns, blocks_of(x.columns, scales.block_columns));
  SLUICE_CHECK_EQ(y.rows, x.rows);
  SLUICE_CHECK_EQ(y.columns, x.columns);
  const Fp8Task task{.x = x.data,
                     .x_stride = x.row_stride,
                     .columns = x.columns,
                     .scales = scales.scales.data,
                     .scales_stride = scales.scales.stride(),
                     .block_rows = scales.block_rows,
                     .block_columns = scales.block_columns,
                     .y = reinterpret_cast<std::uint16_t*>(y.data),
                     .y_stride = y.row_stride};
  const KernelTable& kernels = kernel_table(context.path);
  std::atomic<std::size_t> faults{0};
  context.parallel(x.rows, grain_for(x.columns, kElementsPerChunk), [&](std::size_t begin, std::size_t end) {
    if (const std::size_t found = kernels.convert_fp8(task, begin, end); found != 0) {
      faults.fetch_add(found, std::memory_order_relaxed);
    }
  });
  const std::size_t count = faults.load(std::memory_order_relaxed);
  return count == 0 ? Fp8Faults{} : locate_faults(count, y);
}

}  // namespace sluice::kernels
