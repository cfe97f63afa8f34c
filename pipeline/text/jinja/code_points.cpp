#include "pipeline/text/jinja/code_points.h"

#include <string.h>  // NOLINT(modernize-deprecated-headers): memmem is no part of <cstring>.
#include <utf8proc.h>
#include <algorithm>

#include "pipeline/text/utf8.h"

namespace sluice::jinja {

char32_t next_code_point(std::string_view bytes, std::size_t& offset) {
  const auto first = static_cast<unsigned char>(bytes[offset]);
  if (first < 0x80) {
    ++offset;
    return first;
  }
  const Utf8Step step = next_utf8(bytes.substr(offset));
  offset += step.size_bytes;
  return step.code_point;
}

void append_utf8(char32_t code_point, std::string& out) {
  unsigned char buffer[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), buffer);
  out.append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(size));
}

std::size_t offset_of(std::string_view bytes, std::size_t index) {
  std::size_t offset = 0;
  for (; offset < bytes.size(); ++offset) {
    if ((static_cast<unsigned char>(bytes[offset]) & 0xC0U) == 0x80U) continue;
    if (index == 0) return offset;
    --index;
  }
  return offset;
}

std::string beginning_of(std::string_view bytes) {
  constexpr std::size_t kBytesMax = 64;
  std::size_t end = std::min(bytes.size(), kBytesMax);
  while (end < bytes.size() && (static_cast<unsigned char>(bytes[end]) & 0xC0U) == 0x80U) --end;
  return std::string(bytes.substr(0, end));
}

bool is_space(char32_t code_point) {
  return is_white_space(code_point) || (code_point >= 0x1C && code_point <= 0x1F);
}

bool is_letter(char32_t code_point) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal_digit(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point)) == UTF8PROC_CATEGORY_ND;
}

bool is_alphanumeric(char32_t code_point) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
  return is_letter(code_point) || (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

bool is_printable(char32_t code_point) {
  if (code_point < 0x7F) return code_point >= 0x20;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

// memmem is linear in the worst case, which std::string_view::find is not.
std::size_t find_bytes(std::string_view haystack, std::string_view needle, std::size_t from) {
  if (from > haystack.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  const void* found = memmem(haystack.data() + from, haystack.size() - from, needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - haystack.data());
}

std::size_t find_last_bytes(std::string_view haystack, std::string_view needle, std::size_t end) {
  if (needle.size() > end) return std::string_view::npos;
  const std::string reversed(haystack.rend() - static_cast<std::ptrdiff_t>(end), haystack.rend());
  const std::string reversed_needle(needle.rbegin(), needle.rend());
  const std::size_t place = find_bytes(reversed, reversed_needle);
  return place == std::string_view::npos ? place : end - place - needle.size();
}

}  // namespace sluice::jinja
