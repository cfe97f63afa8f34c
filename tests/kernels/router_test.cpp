#include "kernels/moe/router.h"

#include <algorithm>
#include <set>

#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;
using Indices = std::vector<std::uint32_t>;

struct Routed {
  Matrix<std::uint32_t> experts;
  Matrix<float> weights;

  Routed(std::size_t tokens, std::size_t top_k) : experts(tokens, top_k, 1), weights(tokens, top_k, 2) {}
  Indices experts_of(std::size_t token) const {
    return {experts.view.row(token), experts.view.row(token) + experts.view.columns};
  }
};

Routed route(const CpuContext& context, MatrixView<const float> logits, const RouterOptions& options) {
  Routed routed(logits.rows, options.top_k);
  route_tokens(context, logits, options, routed.experts.view, routed.weights.view);
  return routed;
}

// One token.
Routed route(const CpuContext& context, const std::vector<float>& logits, const RouterOptions& options) {
  return route(context, MatrixView<const float>(logits.data(), 1, logits.size()), options);
}

WeightView as_bias(const std::vector<float>& values) {
  return {values.data(), DType::kF32, 1, values.size()};
}

TEST_SUITE("kernels/moe/router") {
  TEST_CASE("route_tokens: softmax takes the largest, and weighs with or without normalising") {
    const std::vector<float> logits = {0.0f, std::log(4.0f), std::log(2.0f), std::log(3.0f)};
    for (const CpuContext& context : test::contexts()) {
      const Routed plain = route(context, logits, {.top_k = 2, .scale = 3.0f});
      CHECK(plain.experts_of(0) == Indices{1, 3});
      CHECK(plain.weights.view.row(0)[0] == doctest::Approx(1.2));
      CHECK(plain.weights.view.row(0)[1] == doctest::Approx(0.9));
      const Routed normalized = route(context, logits, {.top_k = 2, .normalize = true, .scale = 3.0f});
      CHECK(normalized.weights.view.row(0)[0] == doctest::Approx(12.0 / 7.0));
      CHECK(normalized.weights.view.row(0)[1] == doctest::Approx(9.0 / 7.0));
    }
  }

  TEST_CASE("route_tokens: the bias decides who is chosen and not how much it counts") {
    const std::vector<float> logits = {2.0f, 0.0f, 1.0f, -1.0f};
    const std::vector<float> bias = {-1.0f, 0.0f, 0.0f, 1.0f};
    for (const CpuContext& context : test::contexts()) {
      const Routed routed = route(context, logits,
                                  {.scoring = ExpertScoring::kSigmoid,
                                   .ranking = ExpertRanking::kBiasCorrected,
                                   .correction_bias = as_bias(bias),
                                   .top_k = 2});
      CHECK(routed.experts_of(0) == Indices{3, 2});
      CHECK(routed.weights.view.row(0)[0] == doctest::Approx(1.0 / (1.0 + std::exp(1.0))));
      CHECK(routed.weights.view.row(0)[1] == doctest::Approx(1.0 / (1.0 + std::exp(-1.0))));
    }
  }

  TEST_CASE("route_tokens: a group counts by its best member, with the bias by the sum of its two best") {
    // Group 0 has the single best expert, group 1 the best pair, group 2 neither.
    const std::vector<float> logits = {3.0f, -9.0f, -9.0f, 2.0f, 2.5f, -9.0f, 1.0f, 1.5f, 1.0f};
    const std::vector<float> no_bias(9, 0.0f);
    for (const CpuContext& context : test::contexts()) {
      const Routed largest = route(context, logits, {.top_k = 2, .num_groups = 3, .topk_groups = 1});
      CHECK(largest.experts_of(0) == Indices{0, 1});
      const Routed corrected = route(context, logits,
                                     {.scoring = ExpertScoring::kSigmoid,
                                      .ranking = ExpertRanking::kBiasCorrected,
                                      .correction_bias = as_bias(no_bias),
                                      .top_k = 2,
                                      .num_groups = 3,
                                      .topk_groups = 1});
      CHECK(corrected.experts_of(0) == Indices{4, 3});
    }
  }

  TEST_CASE("route_tokens: negative ranks of eligible experts go before those of others") {
    const std::vector<float> logits(4, 0.0f);
    const std::vector<float> bias = {-1.0f, -2.0f, -3.0f, -3.0f};
    for (const CpuContext& context : test::contexts()) {
      const Routed routed = route(context, logits,
                                  {.scoring = ExpertScoring::kSigmoid,
                                   .ranking = ExpertRanking::kBiasCorrected,
                                   .correction_bias = as_bias(bias),
                                   .top_k = 2,
                                   .num_groups = 2,
                                   .topk_groups = 1});
      CHECK(routed.experts_of(0) == Indices{0, 1});
    }
  }

  TEST_CASE("route_tokens: of equals the lowest index comes first, of experts and of groups") {
    const std::vector<float> logits(12, 0.5f);
    for (const CpuContext& context : test::contexts()) {
      CHECK(route(context, logits, {.top_k = 5}).experts_of(0) == Indices{0, 1, 2, 3, 4});
      const RouterOptions grouped{.top_k = 4, .num_groups = 4, .topk_groups = 2};
      CHECK(route(context, logits, grouped).experts_of(0) == Indices{0, 1, 2, 3});
    }
  }

  TEST_CASE("route_tokens: agrees with the reference for the published configurations and others") {
    SplitMix64 random(1);
    struct Case {
      std::size_t num_experts, top_k, num_groups, topk_groups;
    };
    const Case cases[] = {{256, 8, 8, 4}, {64, 6, 1, 1}, {160, 6, 8, 3}, {128, 8, 1, 1}, {16, 4, 4, 2},
                          {1, 1, 1, 1},   {7, 7, 1, 1},  {33, 5, 3, 2},  {8, 2, 8, 5},   {1024, 64, 2, 2}};
    for (const Case& c : cases) {
      const test::Weights bias(random, DType::kBF16, 1, c.num_experts, 0.1f);
      const auto logits = test::random_matrix(random, 40, c.num_experts, 1, 3.0f);
      for (bool is_corrected : {false, true}) {
        const RouterOptions options{.scoring = is_corrected ? ExpertScoring::kSigmoid : ExpertScoring::kSoftmax,
                                    .ranking = is_corrected ? ExpertRanking::kBiasCorrected : ExpertRanking::kLargest,
                                    .correction_bias = is_corrected ? bias.view : WeightView{},
                                    .top_k = c.top_k,
                                    .num_groups = c.num_groups,
                                    .topk_groups = c.topk_groups,
                                    .normalize = is_corrected,
                                    .scale = 2.5f};
        Routed reference(40, c.top_k);
        route_tokens_reference(logits, options, reference.experts.view, reference.weights.view);
        for (const CpuContext& context : test::contexts()) {
          INFO(test::name_of(context) << ": " << c.num_experts << " experts, corrected " << is_corrected);
          const Routed routed = route(context, logits, options);
          std::size_t different = 0;
          for (std::size_t t = 0; t < 40; ++t) {
            if (routed.experts_of(t) != reference.experts_of(t)) {
              ++different;
              continue;
            }
            CHECK(test::worst_ratio(routed.weights.rows(t, 1), reference.weights.rows(t, 1), 1e-30, 3e-6) <= 1.0);
          }
          CHECK(different == 0);
        }
      }
    }
  }

  TEST_CASE("route_tokens: T tokens together give the bits of each alone on any number of threads") {
    SplitMix64 random(2);
    const auto logits = test::random_matrix(random, 300, 64, 0, 3.0f);
    const RouterOptions options{.top_k = 6, .num_groups = 8, .topk_groups = 3, .normalize = true};
    for (const CpuContext& context : test::contexts()) {
      const Routed together = route(context, logits, options);
      for (std::size_t t = 0; t < 300; ++t) {
        const Routed alone = route({.path = context.path, .pool = nullptr}, logits.rows(t, 1), options);
        CHECK(alone.experts_of(0) == together.experts_of(t));
        CHECK(std::equal(alone.weights.view.row(0), alone.weights.view.row(0) + 6, together.weights.view.row(t)));
      }
    }
  }

  TEST_CASE("route_tokens: whatever the numbers are, experts are different ones that exist") {
    SplitMix64 random(3);
    const float hostile[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0.0f};
    for (std::size_t round = 0; round < 200; ++round) {
      std::vector<float> logits = test::random_values(random, 24), bias = test::random_values(random, 24);
      for (std::vector<float>* values : {&logits, &bias}) {
        for (float& value : *values) {
          if (random.below(1 + round % 5) == 0) value = hostile[random.below(6)];
        }
      }
      for (bool is_corrected : {false, true}) {
        const RouterOptions options{.scoring = is_corrected ? ExpertScoring::kSigmoid : ExpertScoring::kSoftmax,
                                    .ranking = is_corrected ? ExpertRanking::kBiasCorrected : ExpertRanking::kLargest,
                                    .correction_bias = as_bias(bias),
                                    .top_k = 6,
                                    .num_groups = 4,
                                    .topk_groups = 1 + round % 4,
                                    .normalize = true};
        for (const CpuContext& context : test::serial_contexts()) {
          const Indices experts = route(context, logits, options).experts_of(0);
          CHECK(std::set<std::uint32_t>(experts.begin(), experts.end()).size() == 6);
          CHECK(*std::max_element(experts.begin(), experts.end()) < 24);
        }
      }
    }
  }

  TEST_CASE("route_tokens: a score that is no number is chosen last, and its weight is none") {
    const std::vector<float> logits = {NAN, -5.0f, -50.0f};
    for (const CpuContext& context : test::contexts()) {
      const Routed routed = route(context, logits, {.scoring = ExpertScoring::kSigmoid, .top_k = 3});
      CHECK(routed.experts_of(0) == Indices{1, 2, 0});
      CHECK(std::isfinite(routed.weights.view.row(0)[0]));
      CHECK(std::isnan(routed.weights.view.row(0)[2]));
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
