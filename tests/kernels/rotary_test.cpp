#include "kernels/rotary/rotary.h"

#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;

TEST_SUITE("kernels/rotary/rotary") {
  TEST_CASE("rotary_inverse_frequencies: begin at one and end near one over theta") {
    const std::vector<float> frequencies = rotary_inverse_frequencies(10000.0, 64);
    REQUIRE(frequencies.size() == 32);
    CHECK(frequencies[0] == 1.0f);
    CHECK(frequencies[16] == doctest::Approx(0.01).epsilon(1e-6));
    CHECK(frequencies[31] == doctest::Approx(1.0 / std::pow(10000.0, 62.0 / 64.0)).epsilon(1e-6));
  }

  TEST_CASE("rotary_angles: cosine and sine of the f32 angle, position 0 turns nothing") {
    const std::vector<float> frequencies = rotary_inverse_frequencies(500000.0, 20);
    const std::vector<std::uint32_t> positions = {0, 1, 131071};
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> cosines(3, 10), sines(3, 10);
      rotary_angles(context, positions, frequencies, 1.0f, cosines.view, sines.view);
      for (std::size_t i = 0; i < 10; ++i) {
        CHECK(cosines.view.row(0)[i] == 1.0f);
        CHECK(sines.view.row(0)[i] == 0.0f);
        const double angle = 131071.0f * frequencies[i];
        CHECK(std::fabs(cosines.view.row(2)[i] - std::cos(angle)) <= 1e-7);
        CHECK(std::fabs(sines.view.row(2)[i] - std::sin(angle)) <= 1e-7);
      }
    }
  }

  TEST_CASE("apply_rotary: turns the pair of a one-hot head by its angle") {
    const std::vector<float> frequencies = {1.0f, 0.5f};
    const std::vector<std::uint32_t> positions = {3};
    for (const CpuContext& context : test::contexts()) {
      Matrix<float> cosines(1, 2), sines(1, 2), x(1, 8);
      rotary_angles(context, positions, frequencies, 1.0f, cosines.view, sines.view);
      x.assign({0, 1, 0, 0, 0, 0, 1, 0});

      apply_rotary(context, x.view, 4, cosines, sines);

      CHECK(x.storage[1] == doctest::Approx(std::cos(1.5)));
      CHECK(x.storage[3] == doctest::Approx(std::sin(1.5)));
      CHECK(x.storage[4] == doctest::Approx(-std::sin(3.0)));
      CHECK(x.storage[6] == doctest::Approx(std::cos(3.0)));
    }
  }

  TEST_CASE("apply_rotary: agrees with the reference and leaves what does not rotate") {
    SplitMix64 random(1);
    for (std::size_t head_dim : {8, 20, 48, 64, 128}) {
      for (std::size_t rotary_dim : {head_dim, head_dim / 2}) {
        const std::size_t frequencies = rotary_dim / 2;
        const auto cosines = test::random_matrix(random, 9, frequencies, 1);
        const auto sines = test::random_matrix(random, 9, frequencies);
        const auto before = test::random_matrix(random, 9, 3 * head_dim, 5);
        auto reference = before;
        apply_rotary_reference(reference.view, head_dim, cosines, sines);
        for (const CpuContext& context : test::contexts()) {
          INFO(test::name_of(context) << ", head " << head_dim << ", rotating " << rotary_dim);
          auto x = before;
          apply_rotary(context, x.view, head_dim, cosines, sines);
          CHECK(test::worst_ratio(x, reference, 2e-6, 2e-7) <= 1.0);
          if (rotary_dim < head_dim)
            CHECK(x.view.row(4)[head_dim + rotary_dim] == before.view.row(4)[head_dim + rotary_dim]);

          auto alone = before;
          for (std::size_t t = 0; t < 9; ++t) {
            apply_rotary(context, alone.rows(t, 1), head_dim, cosines.rows(t, 1), sines.rows(t, 1));
          }
          CHECK(alone == x);
        }
      }
    }
  }

  TEST_CASE("apply_rotary: interleaved pairs of a part of each head agree with the reference and leave the rest") {
    SplitMix64 random(2);
    for (std::size_t frequencies : {1, 3, 8, 16, 20, 32}) {
      const std::size_t head_dim = 11 + 2 * frequencies;
      const auto cosines = test::random_matrix(random, 9, frequencies, 1);
      const auto sines = test::random_matrix(random, 9, frequencies);
      const auto before = test::random_matrix(random, 9, 3 * head_dim, 5);
      const auto part = [&](const Matrix<float>& x) { return heads_of(x.view, 3).part(7, 2 * frequencies); };
      auto reference = before;
      apply_rotary_reference(part(reference), RotaryPairs::kInterleaved, cosines, sines);
      for (const CpuContext& context : test::contexts()) {
        INFO(test::name_of(context) << ", " << frequencies << " frequencies");
        auto x = before;
        apply_rotary(context, part(x), RotaryPairs::kInterleaved, cosines, sines);
        CHECK(test::worst_ratio(x, reference, 2e-6, 2e-7) <= 1.0);
        for (std::size_t t = 0; t < 9; ++t) {
          for (std::size_t i = 0; i < 3 * head_dim; ++i) {
            const std::size_t in_head = i % head_dim;
            if (in_head < 7 || in_head >= 7 + 2 * frequencies) CHECK(x.view.row(t)[i] == before.view.row(t)[i]);
          }
        }
      }
    }
  }

  TEST_CASE("apply_rotary: interleaved pairs give the bits of halves in another order") {
    SplitMix64 random(3);
    for (std::size_t frequencies : {3, 16, 21}) {
      const auto cosines = test::random_matrix(random, 5, frequencies);
      const auto sines = test::random_matrix(random, 5, frequencies);
      const auto interleaved = test::random_matrix(random, 5, 4 * frequencies);
      Matrix<float> halves(5, 4 * frequencies);
      const auto place = [&](std::size_t i) {
        const std::size_t head = i / (2 * frequencies), in_head = i % (2 * frequencies);
        return head * 2 * frequencies + in_head / 2 + in_head % 2 * frequencies;
      };
      for (std::size_t t = 0; t < 5; ++t) {
        for (std::size_t i = 0; i < 4 * frequencies; ++i) halves.view.row(t)[place(i)] = interleaved.view.row(t)[i];
      }
      for (const CpuContext& context : test::contexts()) {
        auto x = interleaved;
        auto y = halves;
        apply_rotary(context, heads_of(x.view, 2), RotaryPairs::kInterleaved, cosines, sines);
        apply_rotary(context, heads_of(y.view, 2), RotaryPairs::kHalves, cosines, sines);
        for (std::size_t t = 0; t < 5; ++t) {
          for (std::size_t i = 0; i < 4 * frequencies; ++i) CHECK(x.view.row(t)[i] == y.view.row(t)[place(i)]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
