#include "pipeline/text/token_decoder.h"

#include <charconv>
#include <optional>

#include "pipeline/text/byte_level.h"

namespace sluice {
namespace {

// No model has such tokens; this bounds what a few replacements can make of one.
constexpr std::size_t kGrownBytesMax = std::size_t{64} << 10;

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, done)) {
    result += text.substr(done, at - done);
    result += with;
    done = at + what.size();
  }
  return result += text.substr(done);
}

// "<0x0A>", in hexadecimal digits of either case.
std::optional<char> spelt_byte(std::string_view spelling) {
  if (spelling.size() != 6 || !spelling.starts_with("<0x") || spelling[5] != '>') return std::nullopt;
  unsigned byte = 0;
  const auto [end, error] = std::from_chars(spelling.data() + 3, spelling.data() + 5, byte, 16);
  if (error != std::errc() || end != spelling.data() + 5) return std::nullopt;
  return static_cast<char>(byte);
}

}  // namespace

TokenDecoder::Piece TokenDecoder::piece(std::string_view spelling) const {
  // A token with a character outside the alphabet (an added one) stands for its own text.
  if (is_byte_level) return {from_byte_level(spelling).value_or(std::string(spelling)), false};
  std::string text(spelling);
  for (const auto& [what, with] : replacements) {
    if (text.size() <= kGrownBytesMax) text = replaced(text, what, with);
  }
  if (has_byte_fallback) {
    if (const auto byte = spelt_byte(text)) return {std::string(1, *byte), true};
  }
  return {std::move(text), false};
}

TokenDecoder::Piece TokenDecoder::first_piece(std::string_view spelling) const {
  if (dropped_from_first.empty()) return piece(spelling);
  return piece(replaced(spelling, dropped_from_first, ""));
}

}  // namespace sluice
