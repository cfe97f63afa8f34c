// Characters of UTF-8 text that is known to be valid, and where they lie.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::jinja {

// The character at `offset`; moves `offset` behind it.
char32_t next_code_point(std::string_view bytes, std::size_t& offset);

void append_utf8(char32_t code_point, std::string& out);

// Offset of the `index`-th character; bytes.size() for the number of all. O(bytes.size()).
std::size_t offset_of(std::string_view bytes, std::size_t index);

// At most 64 bytes of it, whole characters: enough to tell a name in a message.
std::string beginning_of(std::string_view bytes);

// str.isspace() of one character.
bool is_space(char32_t code_point);

// str.isalpha(), isdecimal() and isalnum() of one character.
bool is_letter(char32_t code_point);
bool is_decimal_digit(char32_t code_point);
bool is_alphanumeric(char32_t code_point);

// Whether repr() shows it as it is.
bool is_printable(char32_t code_point);

// The first place of `needle` at or after `from`, linear in the sizes of both; npos: there is none.
std::size_t find_bytes(std::string_view haystack, std::string_view needle, std::size_t from = 0);
// The last place that ends at or before `end`.
std::size_t find_last_bytes(std::string_view haystack, std::string_view needle, std::size_t end);

}  // namespace sluice::jinja
