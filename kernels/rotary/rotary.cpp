#include "kernels/rotary/rotary.h"

#include <cmath>

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"

namespace sluice::kernels {

std::vector<float> rotary_inverse_frequencies(double theta, std::size_t rotary_dim) {
  SLUICE_CHECK_EQ(rotary_dim % 2, std::size_t{0});
  std::vector<float> frequencies(rotary_dim / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(rotary_dim);
    // As transformers does: the power is rounded to f32 before its inverse is.
    frequencies[i] = 1.0f / static_cast<float>(std::pow(theta, static_cast<float>(exponent)));
  }
  return frequencies;
}

void rotary_angles(const CpuContext& context, std::span<const std::uint32_t> positions,
                   std::span<const float> inverse_frequencies, float magnitude, MatrixView<float> cosines,
                   MatrixView<float> sines) {
  SLUICE_CHECK_EQ(cosines.rows, positions.size());
  SLUICE_CHECK_EQ(cosines.columns, inverse_frequencies.size());
  SLUICE_CHECK_EQ(sines.rows, positions.size());
  SLUICE_CHECK_EQ(sines.columns, inverse_frequencies.size());
  // A sine in double costs as much as some dozens of other elements.
  const std::size_t grain = grain_for(32 * inverse_frequencies.size(), kElementsPerChunk);
  context.parallel(positions.size(), grain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      for (std::size_t i = 0; i < inverse_frequencies.size(); ++i) {
        const float angle = static_cast<float>(positions[t]) * inverse_frequencies[i];
        cosines.row(t)[i] = magnitude * static_cast<float>(std::cos(static_cast<double>(angle)));
        sines.row(t)[i] = magnitude * static_cast<float>(std::sin(static_cast<double>(angle)));
      }
    }
  });
}

void apply_rotary(const CpuContext& context, HeadsView<float> x, RotaryPairs pairs, MatrixView<const float> cosines,
                  MatrixView<const float> sines) {
  SLUICE_CHECK_EQ(x.columns, 2 * cosines.columns);
  SLUICE_CHECK_EQ(cosines.rows, x.rows);
  SLUICE_CHECK_EQ(sines.rows, x.rows);
  SLUICE_CHECK_EQ(sines.columns, cosines.columns);
  const RotaryTask task{.x = x.data,
                        .x_stride = x.row_stride,
                        .num_heads = x.num_heads,
                        .head_stride = x.head_stride,
                        .frequencies = cosines.columns,
                        .cosines = cosines.data,
                        .cosines_stride = cosines.row_stride,
                        .sines = sines.data,
                        .sines_stride = sines.row_stride};
  const KernelTable& kernels = kernel_table(context.path);
  const auto kernel = pairs == RotaryPairs::kHalves ? kernels.apply_rotary_halves : kernels.apply_rotary_interleaved;
  context.parallel(x.rows, grain_for(x.num_heads * x.columns, kElementsPerChunk),
                   [&](std::size_t begin, std::size_t end) { kernel(task, begin, end); });
}

void apply_rotary(const CpuContext& context, MatrixView<float> x, std::size_t head_dim, MatrixView<const float> cosines,
                  MatrixView<const float> sines) {
  SLUICE_CHECK_GT(head_dim, std::size_t{0});
  SLUICE_CHECK_EQ(x.columns % head_dim, std::size_t{0});
  SLUICE_CHECK_LE(2 * cosines.columns, head_dim);
  const HeadsView<float> heads = heads_of(x, x.columns / head_dim);
  apply_rotary(context, heads.part(0, 2 * cosines.columns), RotaryPairs::kHalves, cosines, sines);
}

}  // namespace sluice::kernels
