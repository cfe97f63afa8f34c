#include "kernels/norm/rms_norm.h"

#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;
using test::Weights;

TEST_SUITE("kernels/norm/rms_norm") {
  TEST_CASE("rms_norm: agrees with the reference on every path for lengths around the vectors' ends") {
    SplitMix64 random(1);
    for (std::size_t columns : {1, 3, 7, 8, 15, 16, 17, 31, 63, 64, 65, 256, 1009}) {
      for (DType dtype : {DType::kF32, DType::kBF16}) {
        const auto x = test::random_matrix(random, 5, columns, 2, 3.0f);
        const Weights weight(random, dtype, 1, columns);
        Matrix<float> reference(5, columns);
        rms_norm_reference(x, weight.view, 1e-6f, reference.view);
        for (const CpuContext& context : test::contexts()) {
          INFO(test::name_of(context) << ", " << columns << " columns");
          Matrix<float> y(5, columns, 1);
          rms_norm(context, x, weight.view, 1e-6f, y.view);
          CHECK(test::worst_ratio(y, reference, 1e-30, 2e-6) <= 1.0);
        }
      }
    }
  }

  TEST_CASE("rms_norm: a row has the same bits alone, among others, in place and on any number of threads") {
    SplitMix64 random(2);
    const auto x = test::random_matrix(random, 100, 300);
    const Weights weight(random, DType::kBF16, 1, 300);
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> together(100, 300), alone(100, 300);
      rms_norm(context, x, weight.view, 1e-5f, together.view);
      for (std::size_t t = 0; t < 100; ++t) {
        rms_norm({.path = context.path, .pool = nullptr}, x.rows(t, 1), weight.view, 1e-5f, alone.rows(t, 1));
      }
      CHECK(together == alone);

      Matrix<float> in_place(100, 300);
      in_place.assign(x.storage);
      rms_norm(context, in_place.view, weight.view, 1e-5f, in_place.view);
      CHECK(in_place == together);
    }
  }

  TEST_CASE("rms_norm: in place over each head, or over the first part of each row, leaves the rest") {
    SplitMix64 random(4);
    const auto before = test::random_matrix(random, 6, 3 * 20 + 9);
    const Weights weight(random, DType::kBF16, 1, 20), latent_weight(random, DType::kBF16, 1, 60);
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> heads(6, 60), expected(1, 20);
      for (std::size_t t = 0; t < 6; ++t) std::copy_n(before.view.row(t), 60, heads.view.row(t));
      const Matrix<float> heads_before = heads;
      rms_norm(context, MatrixView<float>(heads.storage.data(), 18, 20), weight.view, 1e-6f,
               MatrixView<float>(heads.storage.data(), 18, 20));
      for (std::size_t i = 0; i < 18; ++i) {
        rms_norm(context, MatrixView<const float>(heads_before.storage.data() + i * 20, 1, 20), weight.view, 1e-6f,
                 expected.view);
        CHECK(std::memcmp(expected.storage.data(), heads.storage.data() + i * 20, 20 * sizeof(float)) == 0);
      }

      auto rows = before;
      const MatrixView<float> latent(rows.view.data, 6, 60, rows.view.row_stride);
      rms_norm(context, latent, latent_weight.view, 1e-6f, latent);
      Matrix<float> normed(6, 60);
      rms_norm_reference(heads_before, latent_weight.view, 1e-6f, normed.view);
      CHECK(test::worst_ratio(latent, normed, 1e-30, 2e-6) <= 1.0);
      for (std::size_t t = 0; t < 6; ++t) {
        CHECK(std::equal(rows.view.row(t) + 60, rows.view.row(t) + 69, before.view.row(t) + 60));
      }
    }
  }

  TEST_CASE("rms_norm: a row of zeros stays zero and no rows are no work") {
    SplitMix64 random(3);
    const Weights weight(random, DType::kF32, 1, 20);
    for (const CpuContext& context : test::contexts()) {
      const Matrix<float> x(1, 20);
      Matrix<float> y(1, 20);
      rms_norm(context, x, weight.view, 1e-6f, y.view);
      for (float value : y.storage) CHECK(value == 0.0f);
      rms_norm(context, x.rows(0, 0), weight.view, 1e-6f, y.rows(0, 0));
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
