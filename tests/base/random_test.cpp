#include "base/random.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_SUITE("base/random") {
  // Known answers from the Random123 distribution's kat_vectors for philox4x32-10.
  TEST_CASE("philox4x32: gives the published known answers") {
    CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) ==
          std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
          std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  }

  TEST_CASE("uniform_at: lies between 0 and 1, and depends on seed, choice and position") {
    double sum = 0;
    for (std::uint32_t position = 0; position < 10000; ++position) {
      const float u = uniform_at(7, 0, position);
      CHECK(u >= 0.0f);
      CHECK(u < 1.0f);
      sum += static_cast<double>(u);
    }
    CHECK(sum / 10000 == doctest::Approx(0.5).epsilon(0.02));
    CHECK(uniform_at(7, 0, 1) != uniform_at(8, 0, 1));
    CHECK(uniform_at(7, 0, 1) != uniform_at(7, 1, 1));
    CHECK(uniform_at(7, 0, 1) != uniform_at(7, 0, 2));
  }
}

}  // namespace
}  // namespace sluice
