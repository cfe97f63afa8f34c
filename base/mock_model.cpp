#include "base/mock_model.h"

#include <array>

#include "base/random.h"

namespace sluice {
namespace {

std::array<std::uint32_t, 4> draw(std::uint64_t seed, std::uint32_t choice, std::uint32_t position) {
  return philox4x32({position, choice, 1, 0},
                    {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

}  // namespace

TokenId mock_token(std::uint64_t seed, std::uint32_t choice, std::uint32_t position, std::uint32_t vocab_size) {
  return static_cast<TokenId>((std::uint64_t{draw(seed, choice, position)[0]} * vocab_size) >> 32);
}

std::uint64_t mock_digest(std::uint64_t seed, std::uint32_t choice, std::uint32_t position) {
  const auto words = draw(seed, choice, position);
  return std::uint64_t{words[1]} << 32 | words[2];
}

float mock_hidden_state(TokenId token, std::uint32_t position) {
  const auto words = philox4x32({position, static_cast<std::uint32_t>(token), 2, 0}, {0, 0});
  return static_cast<float>(words[0] >> 8) * 0x1p-24f;
}

}  // namespace sluice
