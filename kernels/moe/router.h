// Which experts compute a token, and how much each counts.
//
// From logits[t, e] (linear() of the f32 hidden state with the gate's weight: f32 sums whatever dtype the weight has):
//   score[e]  = softmax over e of logits[t, :], or 1 / (1 + exp(-logits[t, e]))
//   rank[e]   = score[e], plus correction_bias[e] with kBiasCorrected
//   With num_groups > topk_groups (groups are runs of E / num_groups experts) only experts of the topk_groups best
//   groups are eligible. A group's rank is the largest rank in it; with kBiasCorrected the sum of its two largest.
//   Chosen are the top_k eligible experts of highest rank, best first; of equals, here and among groups, the lowest
//   index first.
//   weight[e] = score[e] * scale; with `normalize` score[e] / (sum of the chosen scores + 1e-20) * scale.
//
// Published models (as transformers 5.17 computes them):
//   V2-Lite ("greedy"), V2 ("group_limited_greedy")   softmax, kLargest, normalize = false (whatever norm_topk_prob
//                                                     says), scale = routed_scaling_factor
//   V3, R1 ("noaux_tc")   sigmoid, kBiasCorrected, normalize = norm_topk_prob, scale = routed_scaling_factor
//   Qwen3-MoE             softmax, kLargest, normalize = norm_topk_prob, scale = 1
//
// Hostile numbers: NaN ranks below every number, so indices are always top_k distinct ones below E; the weight of a NaN
// score is NaN. One NaN or +infinite logit makes every softmax score NaN.
// Shapes:     logits [T, E] f32, experts [T, top_k], weights [T, top_k] f32; 1 <= E <= kMaxExperts.
// Invariance: a token's choice depends on its logits, the options and the path alone.
// Tolerance:  weights are within relative 3e-6 of the reference (double) where the choice is the same; the choice
//             may differ where two ranks differ by less than 1e-6.
#pragma once

#include <cstdint>

#include "kernels/cpu/context.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

enum class ExpertScoring : std::uint8_t { kSoftmax, kSigmoid };
enum class ExpertRanking : std::uint8_t { kLargest, kBiasCorrected };

struct RouterOptions {
  ExpertScoring scoring = ExpertScoring::kSoftmax;
  ExpertRanking ranking = ExpertRanking::kLargest;
  WeightView correction_bias;   // [E] in one row, f32 or bf16; of kBiasCorrected alone.
  std::size_t top_k = 1;        // 1 to E / num_groups * topk_groups.
  std::size_t num_groups = 1;   // Divides E.
  std::size_t topk_groups = 1;  // 1 to num_groups.
  bool normalize = false;
  float scale = 1.0f;

  static constexpr std::size_t kMaxExperts = 1024;
};

void route_tokens(const CpuContext& context, MatrixView<const float> logits, const RouterOptions& options,
                  MatrixView<std::uint32_t> experts, MatrixView<float> weights);

// The same by plain loops in double, for tests.
void route_tokens_reference(MatrixView<const float> logits, const RouterOptions& options,
                            MatrixView<std::uint32_t> experts, MatrixView<float> weights);

}  // namespace sluice::kernels
