// Where the weights of a model come from: `[model] weights` of a topology file.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

enum class WeightsKind : std::uint8_t {
  kFile = 0,    // The model's safetensors.
  kRandom = 1,  // Drawn: real kernels over weights that mean nothing (pipeline/model/random_weights.h).
  kMock = 2,    // None: no kernels, known answers (base/mock_model.h).
};

// The spelling of topology files.
constexpr std::string_view to_string(WeightsKind kind) {
  switch (kind) {
    case WeightsKind::kFile: return "file";
    case WeightsKind::kRandom: return "random";
    case WeightsKind::kMock: return "mock";
  }
  return "unknown";
}

}  // namespace sluice
