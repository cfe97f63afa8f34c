// What the parts of a decoder's layers have in common: what a step gives them, where their output goes, how much memory
// they may take.
//
// Lifetime: views live for the step. Confined: to the stage's thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "base/dtype.h"
#include "base/error.h"
#include "kernels/attention/attention_entry.h"
#include "kernels/cpu/context.h"
#include "kernels/tensor.h"
#include "pipeline/stage/aligned_buffer.h"

namespace sluice {

struct DecoderOptions {
  DType cache = DType::kF16;  // What the KV cache holds: f32, or f16 but of latents.
  std::uint32_t block_tokens = 0;
  std::uint32_t num_blocks = 0;
  std::uint32_t max_batch_tokens = 0;
  bool deterministic = true;  // A sequence's bits are free of its chunks.
};

struct LayerStep {
  const kernels::CpuContext& context;
  std::span<const kernels::AttentionEntry> entries;
  kernels::MatrixView<const float> cosines;  // [T, rotary_dim / 2] of the tokens' positions, as sines.
  kernels::MatrixView<const float> sines;
};

// The residual stream, to which a part adds what it computes; or, of a shard, memory that its share is put into.
struct PartOutput {
  kernels::MatrixView<float> y;
  bool accumulate = false;
};

// Scratch of a part that grows with the tokens in it, beyond which it takes them in runs.
inline constexpr std::size_t kRunScratchBytes = std::size_t{64} << 20;

// A row per token of each buffer.
struct ScratchBuffer {
  AlignedBuffer<float>* buffer;
  std::size_t columns;
};
Result<void> allocate_scratch(std::size_t rows, std::initializer_list<ScratchBuffer> buffers);

// How many tokens a run has, of which each takes that many floats of scratch: 1 or more.
std::size_t tokens_per_run(std::size_t max_batch_tokens, std::size_t floats_per_token);

}  // namespace sluice
