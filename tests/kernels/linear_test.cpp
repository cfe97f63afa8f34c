#include "kernels/linear/linear.h"

#include "kernels/weight_element.h"
#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;
using test::Weights;

struct Shape {
  std::size_t tokens, rows, k;
};

// 1, primes, edges of tiles and vectors, nothing at all.
const Shape kShapes[] = {{1, 1, 1},   {1, 8, 16},  {2, 7, 15},  {3, 5, 17},   {4, 4, 32},    {5, 9, 33},
                         {6, 13, 31}, {7, 16, 64}, {13, 11, 7}, {1, 97, 257}, {12, 33, 129}, {1, 12, 0},
                         {0, 4, 16},  {3, 0, 16},  {17, 3, 48}, {2, 250, 100}};

// The worst |y - reference| in units of the bound that the header states.
double worst_error(const Matrix<float>& y, const Matrix<float>& reference, const Matrix<float>& x,
                   const WeightView& w) {
  double worst = 0;
  for (std::size_t t = 0; t < x.view.rows; ++t) {
    for (std::size_t n = 0; n < w.rows; ++n) {
      double magnitude = std::fabs(static_cast<double>(reference.view.row(t)[n]));
      for (std::size_t k = 0; k < w.columns; ++k) {
        magnitude += std::fabs(static_cast<double>(x.view.row(t)[k]) * weight_at(w, n, k));
      }
      const double bound = (static_cast<double>(w.columns) / 4 + 8) * 0x1p-24 * magnitude + 1e-30;
      const double error = std::fabs(static_cast<double>(y.view.row(t)[n]) - reference.view.row(t)[n]);
      worst = std::isnan(error) ? INFINITY : std::fmax(worst, error / bound);
    }
  }
  return worst;
}

void check_against_reference(const Matrix<float>& x, const WeightView& w, const LinearOptions& options,
                             const Matrix<float>& before) {
  Matrix<float> reference = before;
  linear_reference(x, w, reference.view, options);
  for (const CpuContext& context : test::contexts()) {
    INFO(test::name_of(context) << ": " << x.view.rows << " x " << w.rows << " x " << w.columns);
    Matrix<float> y = before;

    linear(context, x, w, y.view, options);

    CHECK(worst_error(y, reference, x, w) <= 1.0);
  }
}

void check_tokens_alone(const Matrix<float>& x, const WeightView& w, const LinearOptions& options) {
  for (const CpuContext& context : test::serial_contexts()) {
    Matrix<float> alone(x.view.rows, w.rows);
    for (std::size_t t = 0; t < x.view.rows; ++t) linear(context, x.rows(t, 1), w, alone.rows(t, 1), options);
    for (const CpuContext& threaded : test::contexts()) {
      if (threaded.path != context.path) continue;
      for (std::size_t tokens = 1; tokens <= x.view.rows; ++tokens) {
        INFO(test::name_of(threaded) << ", " << tokens << " tokens");
        Matrix<float> together(tokens, w.rows);
        linear(threaded, x.rows(0, tokens), w, together.view, options);
        CHECK(std::memcmp(together.storage.data(), alone.storage.data(), together.storage.size() * 4) == 0);
      }
    }
  }
}

TEST_SUITE("kernels/linear/linear") {
  TEST_CASE("linear: f32 and bf16 weights agree with the reference on every shape and path") {
    SplitMix64 random(1);
    for (const Shape& shape : kShapes) {
      for (DType dtype : {DType::kF32, DType::kBF16}) {
        const auto x = test::random_matrix(random, shape.tokens, shape.k, 3);
        const Weights w(random, dtype, shape.rows, shape.k);
        check_against_reference(x, w.view, {}, Matrix<float>(shape.tokens, shape.rows, 2));
      }
    }
  }

  TEST_CASE("linear: a bias of either dtype and what y holds are added") {
    SplitMix64 random(3);
    for (const Shape& shape : kShapes) {
      for (DType dtype : {DType::kF32, DType::kBF16}) {
        const auto x = test::random_matrix(random, shape.tokens, shape.k);
        const Weights w(random, DType::kBF16, shape.rows, shape.k);
        const Weights bias(random, dtype, 1, shape.rows);
        const auto before = test::random_matrix(random, shape.tokens, shape.rows, 1);
        check_against_reference(x, w.view, {.bias = bias.view, .accumulate = false}, before);
        check_against_reference(x, w.view, {.bias = bias.view, .accumulate = true}, before);
      }
    }
  }

  TEST_CASE("linear: rows of y are written to their ends and no further") {
    SplitMix64 random(4);
    const auto x = test::random_matrix(random, 7, 20);
    const Weights w(random, DType::kBF16, 13, 20);
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> y(7, 13, 3);
      for (float& value : y.storage) value = 12345.0f;

      linear(context, x, w.view, y.view);

      for (std::size_t t = 0; t < 7; ++t) {
        for (std::size_t i = 13; i < 16; ++i) CHECK(y.view.row(t)[i] == 12345.0f);
      }
    }
  }

  TEST_CASE("linear: T tokens together give the bits of each alone for any T and any number of threads") {
    SplitMix64 random(5);
    for (std::size_t k : {31, 64, 257}) {
      const auto x = test::random_matrix(random, 14, k);
      const Weights bias(random, DType::kBF16, 1, 37);
      const Weights f32(random, DType::kF32, 37, k);
      const Weights bf16(random, DType::kBF16, 37, k);
      check_tokens_alone(x, f32.view, {});
      check_tokens_alone(x, bf16.view, {.bias = bias.view});
    }
  }

  TEST_CASE("linear: an output has the same bits whichever rows of the weights are computed with it") {
    SplitMix64 random(6);
    const std::size_t k = 75;
    const auto x = test::random_matrix(random, 8, k);
    const Weights w(random, DType::kBF16, 29, k);
    for (const CpuContext& context : test::serial_contexts()) {
      Matrix<float> all(8, 29);
      linear(context, x, w.view, all.view);
      for (std::size_t first = 0; first < 29; ++first) {
        for (std::size_t count : {1, 4, 5, 8}) {
          if (first + count > 29) continue;
          const WeightView part{static_cast<const std::byte*>(w.view.data) + first * k * 2, DType::kBF16, count, k};
          Matrix<float> y(8, count);
          linear(context, x, part, y.view);
          for (std::size_t t = 0; t < 8; ++t) {
            CHECK(std::memcmp(y.view.row(t), all.view.row(t) + first, count * 4) == 0);
          }
        }
      }
    }
  }

  TEST_CASE("linear: many chunks of rows on several threads give the bits of one thread") {
    SplitMix64 random(7);
    const auto x = test::random_matrix(random, 19, 512);
    const Weights w(random, DType::kBF16, 1000, 512);
    for (IsaPath path : available_isa_paths()) {
      Matrix<float> alone(19, 1000);
      linear({.path = path, .pool = nullptr}, x, w.view, alone.view);
      for (const CpuContext& context : test::contexts()) {
        if (context.path != path) continue;
        Matrix<float> y(19, 1000);
        linear(context, x, w.view, y.view);
        CHECK(y == alone);
      }
    }
  }

  TEST_CASE("linear: an infinite weight beyond the end of a row does not reach its sum") {
    // The row after the last vector's end is another output's.
    SplitMix64 random(8);
    const std::size_t k = 21;
    const auto x = test::random_matrix(random, 2, k);
    std::vector<float> w(2 * k, 1.0f);
    for (std::size_t i = k; i < 2 * k; ++i) w[i] = INFINITY;
    for (const CpuContext& context : test::serial_contexts()) {
      Matrix<float> y(2, 2);
      linear(context, x, {w.data(), DType::kF32, 2, k}, y.view);
      CHECK(std::isfinite(y.view.row(0)[0]));
      CHECK(std::isfinite(y.view.row(1)[0]));
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
