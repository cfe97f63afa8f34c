// The byte-level alphabet of GPT-2: each of the 256 bytes is spelt as one printable character, so that a vocabulary of
// byte strings can be written as JSON. Printable Latin-1 bytes stand for themselves, the other 68 for U+0100 onwards.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// The character (UTF-8) that spells a byte.
std::string_view byte_level_spelling(unsigned char byte);

// A whole byte string, spelt.
std::string to_byte_level(std::string_view bytes);

// The bytes of a spelling; nothing if one of its characters is not of the alphabet. `spelling` is valid UTF-8.
std::optional<std::string> from_byte_level(std::string_view spelling);

}  // namespace sluice
