#include "pipeline/text/jinja/letter_case.h"

#include <utf8proc.h>

#include <algorithm>
#include <string>

#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/letter_case_table.h"

namespace sluice::jinja {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kSmallSigma = 0x3C3;
constexpr char32_t kFinalSigma = 0x3C2;
constexpr char32_t kCapitalIWithDot = 0x130;
constexpr char32_t kSharpS = 0xDF;  // The first special case.

utf8proc_int32_t as_proc(char32_t c) {
  return static_cast<utf8proc_int32_t>(c);
}

const SpecialCase* special_case(char32_t c) {
  if (c < kSharpS) return nullptr;
  const auto* found = std::lower_bound(kSpecialCases.begin(), kSpecialCases.end(), c,
                                       [](const SpecialCase& one, char32_t letter) { return one.letter < letter; });
  return found != kSpecialCases.end() && found->letter == c ? found : nullptr;
}

void append_upper(char32_t c, std::string& out) {
  if (const SpecialCase* special = special_case(c)) {
    out += special->upper;
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_toupper(as_proc(c))), out);
  }
}

void append_title(char32_t c, std::string& out) {
  if (const SpecialCase* special = special_case(c)) {
    out += special->title;
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_totitle(as_proc(c))), out);
  }
}

// What neither begins nor ends a word for the rule of the final sigma.
bool is_case_ignorable(char32_t c) {
  switch (utf8proc_category(as_proc(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x387 || c == 0x55F || c == 0x5F4 || c == 0x2018 ||
             c == 0x2019 || c == 0x2024 || c == 0x2027 || c == 0xFE13 || c == 0xFE52 || c == 0xFE55 || c == 0xFF07 ||
             c == 0xFF0E || c == 0xFF1A;
  }
}

// Whether the sigma before `after` ends a word that has a letter before it.
bool is_final_sigma(std::string_view before, std::string_view after) {
  std::size_t end = before.size();
  bool follows_letter = false;
  while (end > 0) {
    std::size_t begin = end - 1;
    while ((static_cast<unsigned char>(before[begin]) & 0xC0U) == 0x80U) --begin;
    std::size_t offset = begin;
    const char32_t c = next_code_point(before, offset);
    end = begin;
    if (is_case_ignorable(c)) continue;
    follows_letter = is_cased(c);
    break;
  }
  if (!follows_letter) return false;
  std::size_t offset = 0;
  while (offset < after.size()) {
    const char32_t c = next_code_point(after, offset);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

// `begin` and `end` are where `c` lies in `bytes`.
void append_lower(std::string_view bytes, std::size_t begin, std::size_t end, char32_t c, std::string& out) {
  if (c == kCapitalIWithDot) {
    out += "i\xCC\x87";
  } else if (c == kCapitalSigma) {
    append_utf8(is_final_sigma(bytes.substr(0, begin), bytes.substr(end)) ? kFinalSigma : kSmallSigma, out);
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_tolower(as_proc(c))), out);
  }
}

// Calls `append(begin, end, c, out)` for each character, and gives the results the characters' trust.
template <class Append>
Text map_characters(const Text& text, Append append) {
  Text mapped;
  std::string out;
  std::size_t begin = 0;
  for (const Piece& piece : text.pieces()) {
    out.clear();
    while (begin < piece.end) {
      std::size_t end = begin;
      const char32_t c = next_code_point(text.bytes(), end);
      append(begin, end, c, out);
      begin = end;
    }
    mapped.append(out, piece.is_trusted);
  }
  return mapped;
}

}  // namespace

bool is_upper(char32_t c) {
  return utf8proc_isupper(as_proc(c)) != 0;
}

bool is_lower(char32_t c) {
  return utf8proc_islower(as_proc(c)) != 0;
}

bool is_title(char32_t c) {
  return utf8proc_category(as_proc(c)) == UTF8PROC_CATEGORY_LT;
}

bool is_cased(char32_t c) {
  return is_upper(c) || is_lower(c) || is_title(c);
}

Text to_upper(const Text& text) {
  return map_characters(text, [](std::size_t, std::size_t, char32_t c, std::string& out) { append_upper(c, out); });
}

Text to_lower(const Text& text) {
  return map_characters(text, [&](std::size_t begin, std::size_t end, char32_t c, std::string& out) {
    append_lower(text.bytes(), begin, end, c, out);
  });
}

Text to_swapped_case(const Text& text) {
  return map_characters(text, [&](std::size_t begin, std::size_t end, char32_t c, std::string& out) {
    if (is_upper(c)) {
      append_lower(text.bytes(), begin, end, c, out);
    } else if (is_lower(c)) {
      append_upper(c, out);
    } else {
      append_utf8(c, out);
    }
  });
}

Text to_capitalized(const Text& text) {
  return map_characters(text, [&](std::size_t begin, std::size_t end, char32_t c, std::string& out) {
    if (begin == 0) {
      append_title(c, out);
    } else {
      append_lower(text.bytes(), begin, end, c, out);
    }
  });
}

Text to_title(const Text& text) {
  bool is_within = false;
  return map_characters(text, [&](std::size_t begin, std::size_t end, char32_t c, std::string& out) {
    if (is_within) {
      append_lower(text.bytes(), begin, end, c, out);
    } else {
      append_title(c, out);
    }
    is_within = is_cased(c);
  });
}

}  // namespace sluice::jinja
