#include "kernels/embedding/embedding.h"

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {

void embed_tokens(const CpuContext& context, const WeightView& table, std::span<const TokenId> token_ids,
                  MatrixView<float> y) {
  SLUICE_CHECK(table.dtype == DType::kF32 || table.dtype == DType::kBF16);
  SLUICE_CHECK_EQ(y.rows, token_ids.size());
  SLUICE_CHECK_EQ(y.columns, table.columns);
  for (TokenId id : token_ids) SLUICE_CHECK(id >= 0 && static_cast<std::size_t>(id) < table.rows);
  const EmbeddingTask task{.table = table.data,
                           .is_bf16 = table.dtype == DType::kBF16,
                           .columns = table.columns,
                           .token_ids = token_ids.data(),
                           .y = y.data,
                           .y_stride = y.row_stride};
  const KernelTable& kernels = kernel_table(context.path);
  context.parallel(y.rows, grain_for(y.columns, kElementsPerChunk),
                   [&](std::size_t begin, std::size_t end) { kernels.embed(task, begin, end); });
}

}  // namespace sluice::kernels
