#include "base/dtype.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace sluice {
namespace {

TEST_SUITE("base/dtype") {
  TEST_CASE("to_bf16: every bf16 value comes back unchanged, denormals as zeros and NaNs as NaNs") {
    for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
      const BF16 x{static_cast<std::uint16_t>(bits)};
      const BF16 back = to_bf16(to_f32(x));
      if (std::isnan(to_f32(x))) {
        CHECK(std::isnan(to_f32(back)));
      } else if ((bits & 0x7f80u) == 0) {
        CHECK(back.bits == (bits & 0x8000u));
      } else {
        CHECK(back.bits == x.bits);
      }
    }
  }

  TEST_CASE("to_bf16: a tie goes to the even neighbour, anything else to the nearest") {
    CHECK(to_bf16(std::bit_cast<float>(0x3f808000u)).bits == 0x3f80);
    CHECK(to_bf16(std::bit_cast<float>(0x3f818000u)).bits == 0x3f82);
    CHECK(to_bf16(std::bit_cast<float>(0x3f808001u)).bits == 0x3f81);
    CHECK(to_bf16(std::bit_cast<float>(0x3f807fffu)).bits == 0x3f80);
    CHECK(to_bf16(std::numeric_limits<float>::max()).bits == 0x7f80);
  }

  TEST_CASE("f16_to_f32: zero, one, the smallest denormal, the largest number, infinity, NaN") {
    CHECK(f16_to_f32(0x0000) == 0.0f);
    CHECK(std::signbit(f16_to_f32(0x8000)));
    CHECK(f16_to_f32(0x3c00) == 1.0f);
    CHECK(f16_to_f32(0x0001) == 0x1p-24f);
    CHECK(f16_to_f32(0x7bff) == 65504.0f);
    CHECK(std::isinf(f16_to_f32(0x7c00)));
    CHECK(std::isnan(f16_to_f32(0x7e00)));
  }

  TEST_CASE("parse_dtype: reads what to_string writes and nothing else") {
    for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) CHECK(parse_dtype(to_string(dtype)) == dtype);
    CHECK_FALSE(parse_dtype("fp32").has_value());
  }
}

}  // namespace
}  // namespace sluice
