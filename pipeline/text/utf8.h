// UTF-8, one character at a time, and the two notions of white space that tokenizers and templates need.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

enum class Utf8Kind {
  kCharacter,   // A whole, valid character.
  kInvalid,     // Bytes that can be no character: the longest part that could have begun one, at least one byte.
  kIncomplete,  // The end of the input cut a character short.
};

struct Utf8Step {
  Utf8Kind kind = Utf8Kind::kInvalid;
  std::size_t size_bytes = 0;
  char32_t code_point = 0;  // Of a kCharacter.
};

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// The first step of `bytes`, which must not be empty. Overlong forms, surrogates and values over U+10FFFF are invalid
// (Unicode 15, table 3-7).
Utf8Step next_utf8(std::string_view bytes);

// Whether a byte of valid UTF-8 continues a character.
inline bool is_utf8_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

bool is_valid_utf8(std::string_view bytes);

// Appends `bytes` with every invalid or incomplete step replaced by U+FFFD.
void append_lossy_utf8(std::string_view bytes, std::string& out);

// Unicode's White_Space property. PCRE2's \s has U+180E besides, which lost the property in Unicode 6.3.
bool is_white_space(char32_t code_point);

// Start of the white space that ends `text`, and end of that which begins it, in bytes. `text` is valid UTF-8.
std::size_t trailing_white_space_begin(std::string_view text);
std::size_t leading_white_space_end(std::string_view text);

// What Python's str.strip() leaves: like White_Space, with U+001C to U+001F besides. `text` is valid UTF-8.
std::string_view strip_python(std::string_view text);

}  // namespace sluice
