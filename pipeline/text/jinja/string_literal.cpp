#include "pipeline/text/jinja/string_literal.h"

#include <charconv>
#include <cstdint>

#include "pipeline/text/jinja/code_points.h"

namespace sluice::jinja {
namespace {

// The character of `digits` in `base`; absent: they are none, or stand for no character.
std::optional<char32_t> character_of(std::string_view digits, int base) {
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  const bool is_number = !digits.empty() && parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
  if (!is_number || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return std::nullopt;
  return static_cast<char32_t>(value);
}

std::size_t count_octal_digits(std::string_view text) {
  std::size_t count = 0;
  while (count < 3 && count < text.size() && text[count] >= '0' && text[count] <= '7') ++count;
  return count;
}

char simple_escape(char letter) {
  switch (letter) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'v': return '\v';
    case '\\':
    case '\'':
    case '"': return letter;
    default: return 0;
  }
}

}  // namespace

std::optional<std::string> unescape(std::string_view literal) {
  std::string out;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '\\' || i + 1 == literal.size()) {
      out += literal[i];
      continue;
    }
    const char letter = literal[++i];
    if (letter == '\n') continue;  // A line continued.
    if (const char simple = simple_escape(letter)) {
      out += simple;
      continue;
    }
    const bool is_hex = letter == 'x' || letter == 'u' || letter == 'U';
    const std::size_t num_octal = count_octal_digits(literal.substr(i));
    if (!is_hex && num_octal == 0) {
      if (letter == 'N') return std::nullopt;
      out += '\\';
      out += letter;
      continue;
    }
    const std::size_t num_digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : num_octal;
    const std::string_view digits = literal.substr(is_hex ? i + 1 : i, num_digits);
    const auto character = character_of(digits, is_hex ? 16 : 8);
    if (digits.size() != num_digits || !character) return std::nullopt;
    append_utf8(*character, out);
    i += is_hex ? num_digits : num_digits - 1;
  }
  return out;
}

}  // namespace sluice::jinja
