#include "pipeline/model/random_weights.h"

#include <xxhash.h>

#include <array>

#include "base/random.h"
#include "pipeline/model/element.h"

namespace sluice {
namespace {

constexpr std::size_t kElementsPerDraw = 8;

std::array<float, kElementsPerDraw> filled(TensorKind kind) {
  std::array<float, kElementsPerDraw> values;
  values.fill(kind == TensorKind::kNorm ? 1.0f : 0.0f);
  return values;
}

std::array<float, kElementsPerDraw> draw(std::uint64_t key, std::uint64_t counter, float scale) {
  const auto words = philox4x32({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 3, 0},
                                {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
  std::array<float, kElementsPerDraw> values;
  for (std::size_t i = 0; i < kElementsPerDraw; ++i) {
    const std::uint32_t half = words[i / 2] >> (16 * (i % 2)) & 0xffff;
    values[i] = (static_cast<float>(half) - 32767.5f) * scale;
  }
  return values;
}

}  // namespace

void draw_weights(const DecoderTensor& tensor, const ModelConfig& config, std::size_t begin, std::size_t end,
                  DType dtype, std::byte* to) {
  constexpr float kRootOf12 = 3.4641016f;
  const float scale = config.initializer_range * kRootOf12 * 0x1p-16f;
  const std::uint64_t key = XXH3_64bits(tensor.name.data(), tensor.name.size());
  for (std::size_t row = begin; row < end; ++row) {
    const std::uint64_t whole = (tensor.first_row + row) * tensor.whole_columns + tensor.first_column;
    for (std::size_t i = 0; i < tensor.columns;) {
      const std::uint64_t index = whole + i;
      const auto values = tensor.is_vector() ? filled(tensor.kind) : draw(key, index / kElementsPerDraw, scale);
      for (std::size_t j = index % kElementsPerDraw; j < kElementsPerDraw && i < tensor.columns; ++j, ++i) {
        store_element(values[j], to, row * tensor.columns + i, dtype);
      }
    }
  }
}

}  // namespace sluice
