// See convert/fp8.h.
#include "kernels/isa/kernel_table.h"
#include "kernels/simd/vec_common.inl"

namespace sluice::kernels::SLUICE_ISA {

struct Fp8Table {
  float values[256];

  constexpr Fp8Table() : values() {
    for (unsigned code = 0; code < 256; ++code) {
      const unsigned exponent = (code >> 3) & 15u;
      const unsigned mantissa = code & 7u;
      // Normal numbers get f32's bias; the others are multiples of 2^-9.
      const std::uint32_t bits = ((exponent + 120u) << 23) | (mantissa << 20);
      float value = exponent != 0 ? __builtin_bit_cast(float, bits) : static_cast<float>(mantissa) / 512.0f;
      if ((code & 0x7fu) == 0x7fu) value = __builtin_nanf("");
      values[code] = code < 128 ? value : -value;
    }
  }
};
static constexpr Fp8Table kFp8Table;

// `count` elements of one block and row.
static void convert_fp8_run(const std::uint8_t* x, Vec scale, std::uint16_t* y, std::size_t count) {
  const auto widened = [&](std::size_t i, std::size_t n) {
    float values[kLanes] = {};
    for (std::size_t j = 0; j < n; ++j) values[j] = kFp8Table.values[x[i + j]];
    return mul(load(values), scale);
  };
  for_vectors(
      count, [&](std::size_t i) { store_bf16(y + i, widened(i, kLanes)); },
      [&](std::size_t i, std::size_t n) { store_bf16_partial(y + i, widened(i, n), n); });
}

static std::size_t convert_fp8(const Fp8Task& task, std::size_t begin, std::size_t end) {
  std::size_t faults = 0;
  for (std::size_t row = begin; row < end; ++row) {
    const std::uint8_t* x = task.x + row * task.x_stride;
    std::uint16_t* y = task.y + row * task.y_stride;
    const std::size_t first_scale = row / task.block_rows * task.scales_stride;
    for (std::size_t column = 0; column < task.columns; column += task.block_columns) {
      float scale;
      __builtin_memcpy(&scale, offset(task.scales, 4 * (first_scale + column / task.block_columns)), 4);
      convert_fp8_run(x + column, broadcast(scale), y + column, smaller(task.block_columns, task.columns - column));
    }
    for (std::size_t i = 0; i < task.columns; ++i) faults += (y[i] & 0x7f80u) == 0x7f80u ? 1 : 0;
  }
  return faults;
}

}  // namespace sluice::kernels::SLUICE_ISA
