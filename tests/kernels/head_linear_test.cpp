#include "kernels/linear/head_linear.h"

#include "kernels/linear/linear.h"
#include "kernels/weight_element.h"
#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;
using test::Weights;

// Of kv_b_proj: every head has `nope` rows, then `v` rows, of `latent` elements.
struct Shape {
  std::size_t tokens, num_heads, nope, v, latent;
};

const Shape kShapes[] = {{1, 1, 1, 1, 1},     {1, 4, 32, 32, 64},    {2, 3, 5, 7, 33}, {7, 2, 16, 24, 48},
                         {13, 5, 31, 9, 130}, {1, 2, 128, 128, 512}, {3, 2, 0, 3, 20}, {0, 2, 4, 4, 16}};

struct Heads {
  Matrix<float> queries, attended;
  Weights weights;
  HeadWeightsView up_keys, up_values;

  Heads(SplitMix64& random, const Shape& shape, DType dtype)
      : queries(test::random_matrix(random, shape.tokens, shape.num_heads * (shape.nope + 3), 2)),
        attended(test::random_matrix(random, shape.tokens, shape.num_heads * shape.latent)),
        weights(random, dtype, shape.num_heads * (shape.nope + shape.v), shape.latent),
        up_keys(heads_of(weights.view, shape.num_heads).part(0, shape.nope)),
        up_values(heads_of(weights.view, shape.num_heads).part(shape.nope, shape.v)) {}

  // The part of each query that does not rotate.
  HeadsView<const float> nope(std::size_t first, std::size_t count) const {
    return heads_of(MatrixView<const float>(queries.rows(first, count)), up_keys.num_heads).part(0, up_keys.rows);
  }
  HeadsView<const float> latent(std::size_t first, std::size_t count) const {
    return heads_of(MatrixView<const float>(attended.rows(first, count)), up_keys.num_heads);
  }
};

// The worst |y - reference| in units of the bound that the header states.
double worst_error(HeadsView<const float> y, HeadsView<const float> reference, HeadsView<const float> x,
                   const HeadWeightsView& w, bool is_transposed) {
  double worst = 0;
  for (std::size_t t = 0; t < y.rows; ++t) {
    for (std::size_t h = 0; h < y.num_heads; ++h) {
      for (std::size_t n = 0; n < y.columns; ++n) {
        double magnitude = 0;
        for (std::size_t k = 0; k < x.columns; ++k) {
          const float weight = is_transposed ? weight_at(w.head(h), k, n) : weight_at(w.head(h), n, k);
          magnitude += std::fabs(static_cast<double>(x.head(t, h)[k]) * weight);
        }
        const double bound = (static_cast<double>(x.columns) + 8) * 0x1p-24 * magnitude + 1e-30;
        const double error = std::fabs(static_cast<double>(y.head(t, h)[n]) - reference.head(t, h)[n]);
        worst = std::isnan(error) ? INFINITY : std::fmax(worst, error / bound);
      }
    }
  }
  return worst;
}

TEST_SUITE("kernels/linear/head_linear") {
  TEST_CASE("head_linear: agrees with the reference on every shape, dtype and path, and writes nothing else") {
    SplitMix64 random(1);
    for (const Shape& shape : kShapes) {
      for (DType dtype : {DType::kF32, DType::kBF16}) {
        const Heads heads(random, shape, dtype);
        const auto x = heads.latent(0, shape.tokens);
        Matrix<float> expected(shape.tokens, shape.num_heads * (shape.v + 2));
        const auto reference = heads_of(expected.view, shape.num_heads).part(1, shape.v);
        head_linear_reference(x, heads.up_values, reference);
        for (const CpuContext& context : test::contexts()) {
          INFO(test::name_of(context) << ": " << shape.tokens << " tokens, latent " << shape.latent);
          Matrix<float> y(shape.tokens, shape.num_heads * (shape.v + 2));
          const auto result = heads_of(y.view, shape.num_heads).part(1, shape.v);
          head_linear(context, x, heads.up_values, result);
          CHECK(worst_error(result, reference, x, heads.up_values, false) <= 1.0);
          for (std::size_t t = 0; t < shape.tokens; ++t) CHECK(y.view.row(t)[0] == 0.0f);
          for (std::size_t t = 0; t < shape.tokens; ++t) CHECK(y.view.row(t)[1 + shape.v] == 0.0f);
        }
      }
    }
  }

  TEST_CASE(
      "head_linear_transposed: agrees with the reference on every shape, dtype and path, and writes nothing else") {
    SplitMix64 random(2);
    for (const Shape& shape : kShapes) {
      for (DType dtype : {DType::kF32, DType::kBF16}) {
        const Heads heads(random, shape, dtype);
        const auto x = heads.nope(0, shape.tokens);
        Matrix<float> expected(shape.tokens, shape.num_heads * (shape.latent + 2));
        const auto reference = heads_of(expected.view, shape.num_heads).part(1, shape.latent);
        head_linear_transposed_reference(x, heads.up_keys, reference);
        for (const CpuContext& context : test::contexts()) {
          INFO(test::name_of(context) << ": " << shape.tokens << " tokens, latent " << shape.latent);
          Matrix<float> y(shape.tokens, shape.num_heads * (shape.latent + 2));
          const auto result = heads_of(y.view, shape.num_heads).part(1, shape.latent);
          for (float& value : y.storage) value = 7.0f;
          head_linear_transposed(context, x, heads.up_keys, result);
          CHECK(worst_error(result, reference, x, heads.up_keys, true) <= 1.0);
          for (std::size_t t = 0; t < shape.tokens; ++t) CHECK(y.view.row(t)[0] == 7.0f);
          for (std::size_t t = 0; t < shape.tokens; ++t) CHECK(y.view.row(t)[1 + shape.latent] == 7.0f);
        }
      }
    }
  }

  TEST_CASE("head_linear: is linear() of each head to the bit") {
    SplitMix64 random(3);
    const Shape shape{5, 3, 8, 21, 70};
    const Heads heads(random, shape, DType::kBF16);
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> y(5, 3 * 21), one(5, 21);
      head_linear(context, heads.latent(0, 5), heads.up_values, heads_of(y.view, 3));
      for (std::size_t h = 0; h < 3; ++h) {
        linear(context, MatrixView<const float>(heads.attended.view.row(0) + h * 70, 5, 70, 210),
               heads.up_values.head(h), one.view);
        for (std::size_t t = 0; t < 5; ++t) {
          CHECK(std::memcmp(one.view.row(t), y.view.row(t) + h * 21, 21 * sizeof(float)) == 0);
        }
      }
    }
  }

  TEST_CASE("head_linear: both forms give T tokens together the bits of each alone, on any number of threads") {
    SplitMix64 random(4);
    const Shape shape{14, 4, 33, 150, 300};
    for (DType dtype : {DType::kF32, DType::kBF16}) {
      const Heads heads(random, shape, dtype);
      for (const CpuContext& context : test::contexts()) {
        const CpuContext serial{.path = context.path, .pool = nullptr};
        Matrix<float> absorbed(14, 4 * 300), outputs(14, 4 * 150);
        for (std::size_t t = 0; t < 14; ++t) {
          head_linear_transposed(serial, heads.nope(t, 1), heads.up_keys, heads_of(absorbed.rows(t, 1), 4));
          head_linear(serial, heads.latent(t, 1), heads.up_values, heads_of(outputs.rows(t, 1), 4));
        }
        for (std::size_t tokens = 1; tokens <= 14; ++tokens) {
          INFO(test::name_of(context) << ", " << tokens << " tokens");
          Matrix<float> keys(tokens, 4 * 300), values(tokens, 4 * 150);
          head_linear_transposed(context, heads.nope(0, tokens), heads.up_keys, heads_of(keys.view, 4));
          head_linear(context, heads.latent(0, tokens), heads.up_values, heads_of(values.view, 4));
          CHECK(std::memcmp(keys.storage.data(), absorbed.storage.data(), keys.storage.size() * 4) == 0);
          CHECK(std::memcmp(values.storage.data(), outputs.storage.data(), values.storage.size() * 4) == 0);
        }
      }
    }
  }

  TEST_CASE("head_linear_transposed: a head has the same bits whichever heads are computed with it") {
    SplitMix64 random(5);
    const Shape shape{6, 7, 19, 2, 45};
    const Heads heads(random, shape, DType::kBF16);
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> all(6, 7 * 45), one(6, 45);
      head_linear_transposed(context, heads.nope(0, 6), heads.up_keys, heads_of(all.view, 7));
      for (std::size_t h = 0; h < 7; ++h) {
        HeadsView<const float> x = heads.nope(0, 6);
        x.data += h * x.head_stride;
        x.num_heads = 1;
        HeadWeightsView w = heads_of(heads.up_keys.head(h), 1);
        head_linear_transposed(context, x, w, heads_of(one.view, 1));
        for (std::size_t t = 0; t < 6; ++t) {
          CHECK(std::memcmp(one.view.row(t), all.view.row(t) + h * 45, 45 * sizeof(float)) == 0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
