#include "pipeline/text/byte_level.h"

#include <array>
#include <cstdint>

#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr unsigned kOthersBegin = 0x100;
constexpr unsigned kOthersEnd = 0x100 + 68;

struct Alphabet {
  std::array<std::string, 256> spelling;
  std::array<std::int16_t, kOthersEnd> byte_of{};  // By code point; -1: not of the alphabet.

  Alphabet() {
    byte_of.fill(-1);
    unsigned next_other = kOthersBegin;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const unsigned code_point = stands_for_itself(byte) ? byte : next_other++;
      byte_of[code_point] = static_cast<std::int16_t>(byte);
      if (code_point < 0x80) {
        spelling[byte] = std::string(1, static_cast<char>(code_point));
      } else {
        spelling[byte] = {static_cast<char>(0xC0U | (code_point >> 6)),
                          static_cast<char>(0x80U | (code_point & 0x3FU))};
      }
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::string_view byte_level_spelling(unsigned char byte) {
  return alphabet().spelling[byte];
}

std::string to_byte_level(std::string_view bytes) {
  std::string spelling;
  spelling.reserve(bytes.size() * 2);
  for (const char byte : bytes) spelling += byte_level_spelling(static_cast<unsigned char>(byte));
  return spelling;
}

std::optional<std::string> from_byte_level(std::string_view spelling) {
  std::string bytes;
  bytes.reserve(spelling.size());
  while (!spelling.empty()) {
    const Utf8Step step = next_utf8(spelling);
    if (step.kind != Utf8Kind::kCharacter || step.code_point >= kOthersEnd) return std::nullopt;
    const std::int16_t byte = alphabet().byte_of[step.code_point];
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
    spelling.remove_prefix(step.size_bytes);
  }
  return bytes;
}

}  // namespace sluice
