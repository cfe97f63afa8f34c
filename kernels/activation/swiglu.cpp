#include "kernels/activation/swiglu.h"

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {

void swiglu(const CpuContext& context, MatrixView<const float> gate, MatrixView<const float> up, MatrixView<float> y) {
  SLUICE_CHECK_EQ(up.rows, gate.rows);
  SLUICE_CHECK_EQ(up.columns, gate.columns);
  SLUICE_CHECK_EQ(y.rows, gate.rows);
  SLUICE_CHECK_EQ(y.columns, gate.columns);
  const SwigluTask task{.gate = gate.data,
                        .gate_stride = gate.row_stride,
                        .up = up.data,
                        .up_stride = up.row_stride,
                        .columns = gate.columns,
                        .y = y.data,
                        .y_stride = y.row_stride};
  const KernelTable& kernels = kernel_table(context.path);
  // An exponential counts for four elements.
  context.parallel(gate.rows, grain_for(4 * gate.columns, kElementsPerChunk),
                   [&](std::size_t begin, std::size_t end) { kernels.swiglu(task, begin, end); });
}

}  // namespace sluice::kernels
