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

  TEST_CASE("to_f32 of f16: zero, one, the smallest denormal, the largest number, infinity, NaN") {
    CHECK(to_f32(F16{0x0000}) == 0.0f);
    CHECK(std::signbit(to_f32(F16{0x8000})));
    CHECK(to_f32(F16{0x3c00}) == 1.0f);
    CHECK(to_f32(F16{0x0001}) == 0x1p-24f);
    CHECK(to_f32(F16{0x7bff}) == kF16Max);
    CHECK(std::isinf(to_f32(F16{0x7c00})));
    CHECK(std::isnan(to_f32(F16{0x7e00})));
  }

  TEST_CASE("to_f16: every number comes back, what is between two goes to the nearest, a tie to the even one") {
    for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
      const F16 x{static_cast<std::uint16_t>(bits)}, next{static_cast<std::uint16_t>(bits + 1)};
      const F16 negative{static_cast<std::uint16_t>(bits | 0x8000)};
      REQUIRE(to_f16(to_f32(x)) == x);
      REQUIRE(to_f16(to_f32(negative)) == negative);
      if (bits == 0x7bff) continue;
      const float middle = (to_f32(x) + to_f32(next)) / 2;
      REQUIRE(to_f16(middle) == (bits % 2 == 0 ? x : next));
      REQUIRE(to_f16(std::nextafter(middle, 0.0f)) == x);
      REQUIRE(to_f16(std::nextafter(middle, kF16Max)) == next);
    }
  }

  TEST_CASE("to_f16: beyond the largest number is the largest, NaN stays one") {
    const float infinity = std::numeric_limits<float>::infinity();
    for (const float large : {65519.0f, 65520.0f, 1e30f, infinity}) {
      CHECK(to_f16(large).bits == 0x7bff);
      CHECK(to_f16(-large).bits == 0xfbff);
    }
    CHECK(std::isnan(to_f32(to_f16(std::numeric_limits<float>::quiet_NaN()))));
  }

  TEST_CASE("parse_dtype: reads what to_string writes and nothing else") {
    for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) CHECK(parse_dtype(to_string(dtype)) == dtype);
    CHECK_FALSE(parse_dtype("fp32").has_value());
  }
}

}  // namespace
}  // namespace sluice
