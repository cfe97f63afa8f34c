#include "pipeline/text/utf8.h"

#include "base/check.h"

namespace sluice {
namespace {

struct Lead {
  std::size_t size_bytes = 0;  // 0: no character begins with this byte.
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xBF;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

bool is_python_space(char32_t c) {
  return is_white_space(c) || (c >= 0x1C && c <= 0x1F);
}

// `predicate` holds for every character from the result to the end, and not for the one before.
template <class Predicate>
std::size_t trailing_begin(std::string_view text, Predicate predicate) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t begin = end - 1;
    while (begin > 0 && is_utf8_continuation(text[begin])) --begin;
    if (!predicate(next_utf8(text.substr(begin)).code_point)) break;
    end = begin;
  }
  return end;
}

template <class Predicate>
std::size_t leading_end(std::string_view text, Predicate predicate) {
  std::size_t end = 0;
  while (end < text.size()) {
    const Utf8Step step = next_utf8(text.substr(end));
    if (!predicate(step.code_point)) break;
    end += step.size_bytes;
  }
  return end;
}

}  // namespace

Utf8Step next_utf8(std::string_view bytes) {
  SLUICE_CHECK(!bytes.empty());
  const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = byte_at(0);
  const Lead lead = lead_of(first);
  if (lead.size_bytes == 0) return {Utf8Kind::kInvalid, 1, 0};
  if (lead.size_bytes == 1) return {Utf8Kind::kCharacter, 1, first};
  char32_t code_point = first & (0x7FU >> lead.size_bytes);
  for (std::size_t i = 1; i < lead.size_bytes; ++i) {
    if (i == bytes.size()) return {Utf8Kind::kIncomplete, i, 0};
    const unsigned char min = i == 1 ? lead.second_min : 0x80;
    const unsigned char max = i == 1 ? lead.second_max : 0xBF;
    if (byte_at(i) < min || byte_at(i) > max) return {Utf8Kind::kInvalid, i, 0};
    code_point = (code_point << 6) | (byte_at(i) & 0x3FU);
  }
  return {Utf8Kind::kCharacter, lead.size_bytes, code_point};
}

bool is_valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Utf8Step step = next_utf8(bytes);
    if (step.kind != Utf8Kind::kCharacter) return false;
    bytes.remove_prefix(step.size_bytes);
  }
  return true;
}

void append_lossy_utf8(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const Utf8Step step = next_utf8(bytes);
    out += step.kind == Utf8Kind::kCharacter ? bytes.substr(0, step.size_bytes) : kReplacementCharacter;
    bytes.remove_prefix(step.size_bytes);
  }
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::size_t trailing_white_space_begin(std::string_view text) {
  return trailing_begin(text, is_white_space);
}

std::size_t leading_white_space_end(std::string_view text) {
  return leading_end(text, is_white_space);
}

std::string_view strip_python(std::string_view text) {
  text = text.substr(0, trailing_begin(text, is_python_space));
  return text.substr(leading_end(text, is_python_space));
}

}  // namespace sluice
