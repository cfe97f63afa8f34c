#include "kernels/convert/convert.h"

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {

void convert_to_bf16(const CpuContext& context, MatrixView<const float> x, MatrixView<BF16> y) {
  SLUICE_CHECK_EQ(y.rows, x.rows);
  SLUICE_CHECK_EQ(y.columns, x.columns);
  static_assert(sizeof(BF16) == sizeof(std::uint16_t));
  const ConvertTask task{.x = x.data,
                         .x_stride = x.row_stride,
                         .columns = x.columns,
                         .y = reinterpret_cast<std::uint16_t*>(y.data),
                         .y_stride = y.row_stride};
  const KernelTable& kernels = kernel_table(context.path);
  context.parallel(x.rows, grain_for(x.columns, kElementsPerChunk),
                   [&](std::size_t begin, std::size_t end) { kernels.convert_to_bf16(task, begin, end); });
}

}  // namespace sluice::kernels
