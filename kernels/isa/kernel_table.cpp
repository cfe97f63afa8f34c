#include "kernels/isa/kernel_table.h"

#include <array>

#include "base/check.h"

namespace sluice::kernels {
namespace {

// Asking the processor is a serialising instruction: once per program, not per kernel.
std::array<const KernelTable*, 3> available_tables() {
  std::array<const KernelTable*, 3> tables{};
  tables[0] = &scalar::kTable;
#if defined(SLUICE_KERNELS_X86)
  if (is_available(IsaPath::kAvx2)) tables[1] = &avx2::kTable;
  if (is_available(IsaPath::kAvx512)) tables[2] = &avx512::kTable;
#endif
  return tables;
}

}  // namespace

const KernelTable& kernel_table(IsaPath path) {
  static const std::array<const KernelTable*, 3> tables = available_tables();
  const auto index = static_cast<std::size_t>(path);
  SLUICE_CHECK_LT(index, tables.size());
  SLUICE_CHECK(tables[index] != nullptr);
  return *tables[index];
}

}  // namespace sluice::kernels
