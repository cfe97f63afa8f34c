#include "pipeline/stage/decoder_part.h"

#include <algorithm>

namespace sluice {

Result<void> allocate_scratch(std::size_t rows, std::initializer_list<ScratchBuffer> buffers) {
  for (const ScratchBuffer& each : buffers) {
    auto memory = AlignedBuffer<float>::allocate("activations", rows, each.columns);
    if (!memory.ok()) return memory.error();
    *each.buffer = *std::move(memory);
  }
  return {};
}

std::size_t tokens_per_run(std::size_t max_batch_tokens, std::size_t floats_per_token) {
  const std::size_t fitting = kRunScratchBytes / std::max<std::size_t>(1, floats_per_token * sizeof(float));
  return std::clamp<std::size_t>(fitting, 1, max_batch_tokens);
}

}  // namespace sluice
