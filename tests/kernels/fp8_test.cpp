#include "kernels/convert/fp8.h"

#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;

struct Shape {
  std::size_t rows, columns, block_rows, block_columns;
};

const Shape kShapes[] = {{1, 1, 128, 128}, {130, 300, 128, 128}, {128, 128, 128, 128}, {7, 45, 3, 20},
                         {5, 33, 1, 1},    {9, 64, 2, 16},       {0, 16, 128, 128},    {16, 0, 128, 128}};

std::size_t blocks_of(std::size_t length, std::size_t block) {
  return (length + block - 1) / block;
}

// Random codes without NaN.
Matrix<std::uint8_t> random_codes(SplitMix64& random, std::size_t rows, std::size_t columns) {
  Matrix<std::uint8_t> codes(rows, columns, 3);
  for (std::uint8_t& code : codes.storage) {
    code = static_cast<std::uint8_t>(random.below(256));
    if ((code & 0x7f) == 0x7f) code &= 0x80;
  }
  return codes;
}

// Scales at an address that is aligned to 2 bytes and no more.
struct Scales {
  test::Weights weights;
  BlockScales view;

  Scales(SplitMix64& random, const Shape& shape)
      : weights(random, DType::kF32, blocks_of(shape.rows, shape.block_rows),
                blocks_of(shape.columns, shape.block_columns), 1e-3f),
        view{weights.view, shape.block_rows, shape.block_columns} {}
  void set(std::size_t index, float value) {
    std::memcpy(weights.storage.data() + 2 + 4 * index, &value, sizeof(value));
  }
};

TEST_SUITE("kernels/convert/fp8") {
  TEST_CASE("convert_fp8_to_bf16: every code is its number") {
    Matrix<std::uint8_t> codes(1, 256);
    for (std::size_t i = 0; i < 256; ++i) codes.storage[i] = static_cast<std::uint8_t>(i);
    const float one[] = {1.0f};
    for (const CpuContext& context : test::contexts()) {
      Matrix<BF16> y(1, 256);
      const Fp8Faults faults = convert_fp8_to_bf16(context, codes, {{one, DType::kF32, 1, 1}, 1, 256}, y.view);
      const auto at = [&](std::size_t code) { return to_f32(y.storage[code]); };
      CHECK(at(0x00) == 0.0f);
      CHECK(at(0x01) == 0x1p-9f);
      CHECK(at(0x07) == 0x7p-9f);
      CHECK(at(0x08) == 0x1p-6f);
      CHECK(at(0x38) == 1.0f);
      CHECK(at(0x3f) == 1.875f);
      CHECK(at(0x7e) == 448.0f);
      CHECK(std::isnan(at(0x7f)));
      CHECK(std::isnan(at(0xff)));
      for (std::size_t code = 0; code < 0x7f; ++code) {
        CHECK(at(code + 0x80) == -at(code));
        if (code > 0) CHECK(at(code) > at(code - 1));
      }
      CHECK(faults == Fp8Faults{.count = 2, .row = 0, .column = 0x7f});
    }
  }

  TEST_CASE("convert_fp8_to_bf16: equals the reference on every shape, block size and path") {
    SplitMix64 random(1);
    for (const Shape& shape : kShapes) {
      const auto x = random_codes(random, shape.rows, shape.columns);
      const Scales scales(random, shape);
      Matrix<BF16> expected(shape.rows, shape.columns, 1);
      CHECK(convert_fp8_to_bf16_reference(x, scales.view, expected.view) == Fp8Faults{});
      for (const CpuContext& context : test::contexts()) {
        INFO(test::name_of(context) << ": " << shape.rows << " x " << shape.columns);
        Matrix<BF16> y(shape.rows, shape.columns, 1);
        CHECK(convert_fp8_to_bf16(context, x, scales.view, y.view) == Fp8Faults{});
        CHECK(y == expected);
      }
    }
  }

  TEST_CASE("convert_fp8_to_bf16: NaN codes, bad scales and overflow are counted, and the first is named") {
    SplitMix64 random(2);
    const Shape shape{30, 50, 8, 20};
    const auto clean = random_codes(random, shape.rows, shape.columns);
    struct Case {
      const char* name;
      std::size_t code_index;  // In storage; of a NaN.
      float scale;             // Of block (2, 1).
    };
    const Case cases[] = {{"code", 53 * 29 + 11, 1.0f}, {"both", 5, NAN}, {"scale", 0, INFINITY}, {"large", 0, 3e38f}};
    for (const Case& broken : cases) {
      auto x = clean;
      if (broken.code_index != 0) x.storage[broken.code_index] = 0xff;
      // Not even zero times infinity is a number, and two times 3e38 is none: make sure that the block has both.
      x.view.row(16)[20] = 0x00;
      x.view.row(16)[21] = 0x40;
      Scales scales(random, shape);
      scales.set(2 * 3 + 1, broken.scale);
      Matrix<BF16> expected(shape.rows, shape.columns);
      const Fp8Faults faults = convert_fp8_to_bf16_reference(x, scales.view, expected.view);
      for (const CpuContext& context : test::contexts()) {
        INFO(test::name_of(context) << ", " << broken.name);
        Matrix<BF16> y(shape.rows, shape.columns);
        CHECK(convert_fp8_to_bf16(context, x, scales.view, y.view) == faults);
      }
      CHECK(faults.count >= 1);
      if (broken.code_index == 53 * 29 + 11) CHECK(faults == Fp8Faults{.count = 1, .row = 29, .column = 11});
      if (broken.code_index == 5) CHECK(faults == Fp8Faults{.count = 1 + 8 * 20, .row = 0, .column = 5});
      if (std::isinf(broken.scale)) CHECK(faults == Fp8Faults{.count = 8 * 20, .row = 16, .column = 20});
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
