#include "kernels/convert/convert.h"

#include <bit>

#include "tests/kernels/random_tensors.h"

namespace sluice::kernels {
namespace {

using test::Matrix;

TEST_SUITE("kernels/convert/convert") {
  TEST_CASE("convert_to_bf16: equal to the reference for ties, denormals, infinities, NaN and random bits") {
    SplitMix64 random(1);
    Matrix<float> x(64, 67);
    for (float& value : x.storage) value = std::bit_cast<float>(static_cast<std::uint32_t>(random.next()));
    const std::uint32_t special[] = {0x3f808000u, 0x3f818000u, 0x3f808001u, 0x7f7fffffu, 0x7f800000u, 0xff800000u,
                                     0x7f800001u, 0xffc00000u, 0x00000001u, 0x807fffffu, 0x00800000u, 0x80000000u};
    for (std::size_t i = 0; i < std::size(special); ++i) x.storage[i] = std::bit_cast<float>(special[i]);
    Matrix<BF16> reference(64, 67);
    convert_to_bf16_reference(x, reference.view);
    for (const CpuContext& context : test::contexts()) {
      INFO(test::name_of(context));
      Matrix<BF16> y(64, 67);
      convert_to_bf16(context, x, y.view);
      CHECK(y == reference);
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
