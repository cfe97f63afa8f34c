// The routed experts of a feed-forward layer: tokens are grouped by expert, each expert's SwiGLU runs as one product
// over its tokens.
//
//   y[t, :] += sum_e weight(t, e) * down_e(silu(gate_e(x[t])) * up_e(x[t]))     over the experts chosen for token t,
//                                                                              in ascending order of their index
//
// `experts` holds the matrices of experts [first_expert, first_expert + experts.size()); choices of others (which
// another rank has) add nothing. Ranks that split experts by width pass rows of gate and up, and columns of down.
//
// Shapes:     x [T, H] f32; gate, up [I, H], down [H, I], the same shape for each expert; chosen.experts and
//             chosen.weights [T, K] from route_tokens(), a token's experts all different; y [T, H] f32, which overlaps
//             nothing else.
// Dtypes:     weights f32 or bf16 (each matrix its own), widened exactly; activations, products and sums in f32
//             whatever the stage computes in.
// Scratch:    the caller's; nothing is allocated. Tokens are taken in runs of as many as the scratch holds, so less
//             memory only means that weights are read more often. Anything may be in it.
// Invariance: every product is a chain as in linear/linear.h; the experts' outputs are added to y one after the other.
//             A token's bits depend on x[t], its experts, weights and old y[t], and the path alone: not on other
//             tokens, the size of the scratch or threads.
// Tolerance:  that of linear() for three products, plus (K + 1) * 2^-24 * sum of what is added.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

struct ExpertWeights {
  WeightView gate;
  WeightView up;
  WeightView down;
};

struct ChosenExperts {
  MatrixView<const std::uint32_t> experts;
  MatrixView<const float> weights;
};

struct ExpertScratch {
  std::span<float> activations;  // 64-byte aligned where speed matters.
  std::span<std::uint32_t> grouping;

  // Elements of each for runs of `tokens` tokens. `num_experts` are those of run_experts().
  static std::size_t activation_elements(std::size_t tokens, std::size_t top_k, std::size_t intermediate) {
    return tokens * top_k * (2 * intermediate + 1);
  }
  static std::size_t grouping_elements(std::size_t tokens, std::size_t top_k, std::size_t num_experts) {
    return tokens * top_k + 2 * num_experts + 1;
  }
};

// The scratch holds at least one token.
void run_experts(const CpuContext& context, MatrixView<const float> x, std::span<const ExpertWeights> experts,
                 std::uint32_t first_expert, const ChosenExperts& chosen, const ExpertScratch& scratch,
                 MatrixView<float> y);

// The same by plain loops in double, for tests.
void run_experts_reference(MatrixView<const float> x, std::span<const ExpertWeights> experts,
                           std::uint32_t first_expert, const ChosenExperts& chosen, MatrixView<float> y);

}  // namespace sluice::kernels
