#include "kernels/activation/swiglu.h"

#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;

TEST_SUITE("kernels/activation/swiglu") {
  TEST_CASE("swiglu: agrees with the reference on every path and row length") {
    SplitMix64 random(1);
    for (std::size_t columns : {1, 5, 8, 16, 17, 33, 704}) {
      const auto gate = test::random_matrix(random, 30, columns, 1, 10.0f);
      const auto up = test::random_matrix(random, 30, columns);
      Matrix<float> reference(30, columns);
      swiglu_reference(gate, up, reference.view);
      for (const CpuContext& context : test::contexts()) {
        INFO(test::name_of(context) << ", " << columns << " columns");
        Matrix<float> y(30, columns);
        swiglu(context, gate, up, y.view);
        CHECK(test::worst_ratio(y, reference, 1e-30, 1e-6) <= 1.0);
      }
    }
  }

  TEST_CASE("swiglu: gates over the whole range of f32, infinities and NaN") {
    std::vector<float> gates = {0.0f, -0.0f, INFINITY, 1e38f, -1e38f, 1e-38f, -1e-38f};
    for (float v = -120.0f; v <= 120.0f; v += 0.37f) gates.push_back(v);
    Matrix<float> gate(1, gates.size()), up(1, gates.size()), reference(1, gates.size());
    gate.assign(gates);
    for (float& value : up.storage) value = 1.0f;
    swiglu_reference(gate, up, reference.view);
    for (const CpuContext& context : test::serial_contexts()) {
      INFO(test::name_of(context));
      Matrix<float> y(1, gates.size());
      swiglu(context, gate, up, y.view);
      // Below -88.7 the reference is not quite zero yet, down to 120 * exp(-88.7).
      CHECK(test::worst_ratio(y, reference, 4e-37, 1e-6) <= 1.0);
    }
    for (const CpuContext& context : test::serial_contexts()) {
      Matrix<float> nan(1, 1), one(1, 1);
      nan.storage[0] = NAN;
      one.storage[0] = 1.0f;
      swiglu(context, nan, one, one.view);
      CHECK(std::isnan(one.storage[0]));
    }
  }

  TEST_CASE("swiglu: the same bits alone, among others and in place") {
    SplitMix64 random(2);
    const auto gate = test::random_matrix(random, 100, 100);
    const auto up = test::random_matrix(random, 100, 100);
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> together(100, 100), alone(100, 100), in_place(100, 100);
      in_place.assign(gate.storage);
      swiglu(context, gate, up, together.view);
      swiglu(context, in_place.view, up, in_place.view);
      for (std::size_t t = 0; t < 100; ++t) swiglu(context, gate.rows(t, 1), up.rows(t, 1), alone.rows(t, 1));
      CHECK(alone == together);
      CHECK(in_place == together);
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
