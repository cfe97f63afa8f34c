#include "kernels/norm/rms_norm.h"

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {

void rms_norm(const CpuContext& context, MatrixView<const float> x, const WeightView& weight, float epsilon,
              MatrixView<float> y) {
  SLUICE_CHECK(weight.dtype == DType::kF32 || weight.dtype == DType::kBF16);
  SLUICE_CHECK_EQ(weight.rows, std::size_t{1});
  SLUICE_CHECK_EQ(weight.columns, x.columns);
  SLUICE_CHECK_EQ(y.rows, x.rows);
  SLUICE_CHECK_EQ(y.columns, x.columns);
  const RmsNormTask task{.x = x.data,
                         .x_stride = x.row_stride,
                         .weight = weight.data,
                         .weight_is_bf16 = weight.dtype == DType::kBF16,
                         .epsilon = epsilon,
                         .columns = x.columns,
                         .y = y.data,
                         .y_stride = y.row_stride};
  const KernelTable& kernels = kernel_table(context.path);
  context.parallel(x.rows, grain_for(x.columns, kElementsPerChunk),
                   [&](std::size_t begin, std::size_t end) { kernels.rms_norm(task, begin, end); });
}

}  // namespace sluice::kernels
