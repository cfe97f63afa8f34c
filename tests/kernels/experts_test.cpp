#include "kernels/moe/experts.h"

#include <algorithm>
#include <memory>

#include "kernels/activation/swiglu.h"
#include "kernels/linear/linear.h"
#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;
using test::Weights;

struct Shape {
  std::size_t tokens, num_experts, top_k, hidden, intermediate;
};

const Shape kShapes[] = {{1, 1, 1, 1, 1},     {1, 8, 3, 32, 16},  {5, 16, 4, 33, 20}, {40, 6, 2, 48, 24},
                         {13, 4, 4, 130, 65}, {3, 64, 6, 64, 40}, {0, 4, 2, 16, 8},   {100, 16, 4, 192, 64}};

// A layer's experts, and some tokens with their choices.
struct Layer {
  Shape shape;
  std::vector<std::shared_ptr<const Weights>> matrices;
  std::vector<ExpertWeights> experts;
  Matrix<float> x, weights, before;
  Matrix<std::uint32_t> indices;

  Layer(SplitMix64& random, const Shape& of, DType dtype)
      : shape(of),
        x(test::random_matrix(random, of.tokens, of.hidden, 3)),
        weights(test::random_matrix(random, of.tokens, of.top_k, 1)),
        before(test::random_matrix(random, of.tokens, of.hidden, 2)),
        indices(of.tokens, of.top_k, 2) {
    const auto make = [&](std::size_t rows, std::size_t columns) {
      matrices.push_back(std::make_shared<const Weights>(random, dtype, rows, columns, 0.3f));
      return matrices.back()->view;
    };
    for (std::size_t e = 0; e < of.num_experts; ++e) {
      const WeightView gate = make(of.intermediate, of.hidden), up = make(of.intermediate, of.hidden);
      experts.push_back({gate, up, make(of.hidden, of.intermediate)});
    }
    std::vector<std::uint32_t> all(of.num_experts);
    for (std::size_t e = 0; e < all.size(); ++e) all[e] = static_cast<std::uint32_t>(e);
    for (std::size_t t = 0; t < of.tokens; ++t) {
      for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.below(i)]);
      std::copy_n(all.begin(), of.top_k, indices.view.row(t));
    }
  }

  ChosenExperts chosen(std::size_t first, std::size_t count) const {
    return {.experts = indices.rows(first, count), .weights = weights.rows(first, count)};
  }
  // Tokens [first, first + count) by experts [first_expert, first_expert + num_experts), with scratch for some tokens.
  Matrix<float> run(const CpuContext& context, std::size_t first, std::size_t count, std::size_t scratch_tokens,
                    std::size_t first_expert, std::size_t num_experts) const {
    Matrix<float> y(count, shape.hidden);
    for (std::size_t t = 0; t < count; ++t) std::copy_n(before.view.row(first + t), shape.hidden, y.view.row(t));
    std::vector<float> activations(ExpertScratch::activation_elements(scratch_tokens, shape.top_k, shape.intermediate),
                                   NAN);
    std::vector<std::uint32_t> grouping(ExpertScratch::grouping_elements(scratch_tokens, shape.top_k, num_experts),
                                        0xdeadbeef);
    run_experts(context, x.rows(first, count), std::span(experts).subspan(first_expert, num_experts),
                static_cast<std::uint32_t>(first_expert), chosen(first, count), {activations, grouping}, y.view);
    return y;
  }
  Matrix<float> run(const CpuContext& context, std::size_t first, std::size_t count) const {
    return run(context, first, count, std::max<std::size_t>(count, 1), 0, shape.num_experts);
  }
};

bool rows_equal(const Matrix<float>& a, std::size_t first_a, const Matrix<float>& b, std::size_t first_b,
                std::size_t count) {
  for (std::size_t t = 0; t < count; ++t) {
    if (std::memcmp(a.view.row(first_a + t), b.view.row(first_b + t), a.view.columns * sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

TEST_SUITE("kernels/moe/experts") {
  TEST_CASE("run_experts: agrees with the reference on every shape, dtype and path") {
    SplitMix64 random(1);
    for (const Shape& shape : kShapes) {
      for (DType dtype : {DType::kF32, DType::kBF16}) {
        const Layer layer(random, shape, dtype);
        Matrix<float> reference(shape.tokens, shape.hidden);
        for (std::size_t t = 0; t < shape.tokens; ++t) {
          std::copy_n(layer.before.view.row(t), shape.hidden, reference.view.row(t));
        }
        run_experts_reference(layer.x, layer.experts, 0, layer.chosen(0, shape.tokens), reference.view);
        for (const CpuContext& context : test::contexts()) {
          INFO(test::name_of(context) << ": " << shape.tokens << " tokens, " << shape.num_experts << " experts");
          const Matrix<float> y = layer.run(context, 0, shape.tokens);
          CHECK(test::worst_ratio(y, reference, 2e-5, 1e-5) <= 1.0);
        }
      }
    }
  }

  TEST_CASE("run_experts: a token is its experts' feed-forward layers added in ascending order, to the bit") {
    SplitMix64 random(2);
    const Layer layer(random, {9, 7, 3, 50, 28}, DType::kBF16);
    for (const CpuContext& context : test::contexts()) {
      const Matrix<float> y = layer.run(context, 0, 9);
      for (std::size_t t = 0; t < 9; ++t) {
        Matrix<float> gate(1, 28), up(1, 28), down(1, 50), sum(1, 50);
        std::copy_n(layer.before.view.row(t), 50, sum.view.row(0));
        for (std::uint32_t e = 0; e < 7; ++e) {
          for (std::size_t i = 0; i < 3; ++i) {
            if (layer.indices.view.row(t)[i] != e) continue;
            linear(context, MatrixView<const float>(layer.x.rows(t, 1)), layer.experts[e].gate, gate.view);
            linear(context, MatrixView<const float>(layer.x.rows(t, 1)), layer.experts[e].up, up.view);
            swiglu(context, gate, up, gate.view);
            linear(context, MatrixView<const float>(gate), layer.experts[e].down, down.view);
            const float weight = layer.weights.view.row(t)[i];
            for (std::size_t n = 0; n < 50; ++n) sum.storage[n] = sum.storage[n] + weight * down.storage[n];
          }
        }
        CHECK(rows_equal(y, t, sum, 0, 1));
      }
    }
  }

  TEST_CASE("run_experts: T tokens together give the bits of each alone, on any number of threads") {
    SplitMix64 random(3);
    for (DType dtype : {DType::kF32, DType::kBF16}) {
      const Layer layer(random, {45, 8, 3, 200, 70}, dtype);
      for (const CpuContext& context : test::contexts()) {
        const CpuContext serial{.path = context.path, .pool = nullptr};
        Matrix<float> alone(45, 200);
        for (std::size_t t = 0; t < 45; ++t) {
          std::copy_n(layer.run(serial, t, 1).view.row(0), 200, alone.view.row(t));
        }
        for (std::size_t count : {1, 2, 3, 7, 20, 45}) {
          INFO(test::name_of(context) << ", " << count << " tokens");
          const std::size_t first = random.below(46 - count);
          CHECK(rows_equal(layer.run(context, first, count), 0, alone, first, count));
        }
      }
    }
  }

  TEST_CASE("run_experts: the size of the scratch changes no bit") {
    SplitMix64 random(4);
    const Layer layer(random, {30, 6, 2, 40, 24}, DType::kF32);
    for (const CpuContext& context : test::contexts()) {
      const Matrix<float> whole = layer.run(context, 0, 30);
      for (std::size_t scratch_tokens : {1, 4, 7, 29, 100}) {
        INFO(test::name_of(context) << ", scratch for " << scratch_tokens);
        CHECK(layer.run(context, 0, 30, scratch_tokens, 0, 6) == whole);
      }
    }
  }

  TEST_CASE("run_experts: ranks that share out the experts in order add up to the bits of one") {
    SplitMix64 random(5);
    const Layer layer(random, {25, 10, 3, 36, 20}, DType::kBF16);
    for (const CpuContext& context : test::contexts()) {
      const Matrix<float> whole = layer.run(context, 0, 25);
      // Each rank goes on from where the one before ended.
      Layer rank(layer);
      std::size_t begin = 0;
      for (std::size_t end : {4, 5, 10}) {
        const Matrix<float> y = rank.run(context, 0, 25, 25, begin, end - begin);
        for (std::size_t t = 0; t < 25; ++t) std::copy_n(y.view.row(t), 36, rank.before.view.row(t));
        begin = end;
      }
      for (std::size_t t = 0; t < 25; ++t) {
        CHECK(std::memcmp(rank.before.view.row(t), whole.view.row(t), 36 * sizeof(float)) == 0);
      }
    }
  }

  TEST_CASE("run_experts: a rank without a token's experts, and no experts at all, leave y as it is") {
    SplitMix64 random(6);
    const Layer layer(random, {12, 6, 1, 20, 8}, DType::kF32);
    for (const CpuContext& context : test::contexts()) {
      CHECK(rows_equal(layer.run(context, 0, 12, 12, 3, 0), 0, layer.before, 0, 12));
      const Matrix<float> y = layer.run(context, 0, 12, 12, 2, 1);
      for (std::size_t t = 0; t < 12; ++t) {
        CHECK(rows_equal(y, t, layer.before, t, 1) == (layer.indices.view.row(t)[0] != 2));
      }
    }
  }

  TEST_CASE("run_experts: a NaN token does not reach its neighbours") {
    SplitMix64 random(7);
    const Layer layer(random, {16, 4, 2, 40, 24}, DType::kBF16);
    for (const CpuContext& context : test::contexts()) {
      const Matrix<float> clean = layer.run(context, 0, 16);
      Layer broken(layer);
      broken.x.view.row(5)[3] = NAN;
      const Matrix<float> y = broken.run(context, 0, 16);
      CHECK(std::isnan(y.view.row(5)[0]));
      CHECK(rows_equal(y, 0, clean, 0, 5));
      CHECK(rows_equal(y, 6, clean, 6, 10));
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
