#include "kernels/moe/router.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "kernels/cpu/work_size.h"
#include "kernels/isa/kernel_table.h"
#include "kernels/weight_element.h"

namespace sluice::kernels {
namespace {

using Ranks = std::array<float, RouterOptions::kMaxExperts>;
using Chosen = std::array<std::uint32_t, RouterOptions::kMaxExperts>;

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// Keeps the best of what it is offered, best first. Of equals it keeps what came first; what compares with nothing
// must not be offered.
class BestRanks {
 public:
  // At most capacity <= kMaxExperts stay.
  explicit BestRanks(std::size_t capacity) : capacity_(capacity) {}

  void offer(std::uint32_t index, float rank) {
    if (size_ == capacity_ && !(rank > ranks_[size_ - 1])) return;
    std::size_t place = size_ < capacity_ ? size_++ : size_ - 1;
    for (; place > 0 && rank > ranks_[place - 1]; --place) {
      ranks_[place] = ranks_[place - 1];
      indices_[place] = indices_[place - 1];
    }
    ranks_[place] = rank;
    indices_[place] = index;
  }

  std::size_t size() const { return size_; }
  std::uint32_t index(std::size_t place) const { return indices_[place]; }
  float rank(std::size_t place) const { return ranks_[place]; }

 private:
  std::size_t capacity_;
  std::size_t size_ = 0;
  Ranks ranks_;
  Chosen indices_;
};

// NaN would make the order of the others a matter of chance.
float comparable(float rank) {
  return rank != rank ? kLowest : rank;
}

float group_rank(const float* ranks, std::size_t size, ExpertRanking ranking) {
  BestRanks best(ranking == ExpertRanking::kBiasCorrected ? 2 : 1);
  for (std::uint32_t i = 0; i < size; ++i) best.offer(i, ranks[i]);
  return best.size() == 2 ? best.rank(0) + best.rank(1) : best.rank(0);
}

BestRanks best_experts(const Ranks& ranks, std::size_t num_experts, const RouterOptions& options) {
  const std::size_t size = num_experts / options.num_groups;
  BestRanks groups(options.topk_groups);
  for (std::uint32_t g = 0; g < options.num_groups; ++g) {
    groups.offer(g, comparable(group_rank(ranks.data() + g * size, size, options.ranking)));
  }
  std::array<bool, RouterOptions::kMaxExperts> is_eligible{};
  for (std::size_t i = 0; i < groups.size(); ++i) is_eligible[groups.index(i)] = true;

  BestRanks experts(options.top_k);
  for (std::uint32_t e = 0; e < num_experts; ++e) {
    if (is_eligible[e / size]) experts.offer(e, ranks[e]);
  }
  return experts;
}

void route_token(const KernelTable& kernels, const float* logits, std::size_t num_experts, const RouterOptions& options,
                 std::uint32_t* experts, float* weights) {
  Ranks scores, ranks;
  const auto score = options.scoring == ExpertScoring::kSoftmax ? kernels.softmax : kernels.sigmoid;
  score(logits, num_experts, scores.data());
  const bool is_corrected = options.ranking == ExpertRanking::kBiasCorrected;
  for (std::size_t e = 0; e < num_experts; ++e) {
    ranks[e] = comparable(is_corrected ? scores[e] + weight_at(options.correction_bias, 0, e) : scores[e]);
  }
  const BestRanks best = best_experts(ranks, num_experts, options);
  float sum = 0;
  for (std::size_t i = 0; i < options.top_k; ++i) {
    experts[i] = best.index(i);
    sum += scores[experts[i]];
  }
  const float divisor = options.normalize ? sum + 1e-20f : 1.0f;
  for (std::size_t i = 0; i < options.top_k; ++i) weights[i] = scores[experts[i]] / divisor * options.scale;
}

}  // namespace

void route_tokens(const CpuContext& context, MatrixView<const float> logits, const RouterOptions& options,
                  MatrixView<std::uint32_t> experts, MatrixView<float> weights) {
  const std::size_t num_experts = logits.columns;
  SLUICE_CHECK_GE(num_experts, std::size_t{1});
  SLUICE_CHECK_LE(num_experts, RouterOptions::kMaxExperts);
  SLUICE_CHECK_GE(options.num_groups, std::size_t{1});
  SLUICE_CHECK_EQ(num_experts % options.num_groups, std::size_t{0});
  SLUICE_CHECK_GE(options.topk_groups, std::size_t{1});
  SLUICE_CHECK_LE(options.topk_groups, options.num_groups);
  SLUICE_CHECK_GE(options.top_k, std::size_t{1});
  SLUICE_CHECK_LE(options.top_k, num_experts / options.num_groups * options.topk_groups);
  if (options.ranking == ExpertRanking::kBiasCorrected) {
    SLUICE_CHECK_EQ(options.correction_bias.rows, std::size_t{1});
    SLUICE_CHECK_EQ(options.correction_bias.columns, num_experts);
  }
  for (const std::size_t rows : {experts.rows, weights.rows}) SLUICE_CHECK_EQ(rows, logits.rows);
  for (const std::size_t columns : {experts.columns, weights.columns}) SLUICE_CHECK_EQ(columns, options.top_k);
  const KernelTable& kernels = kernel_table(context.path);
  // An exponential and a few comparisons count for eight elements.
  context.parallel(logits.rows, grain_for(8 * num_experts, kElementsPerChunk), [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      route_token(kernels, logits.row(t), num_experts, options, experts.row(t), weights.row(t));
    }
  });
}

}  // namespace sluice::kernels
