#include "top/paint.h"

#include <algorithm>

namespace sluice::top {

namespace {

constexpr const char* kReset = "\033[0m";

const char* code_of(Style style, Look look) {
  if (look == Look::kText) return "";
  const bool is_coloured = look == Look::kColour;
  switch (style) {
    case Style::kPlain: return "";
    case Style::kStrong: return "\033[1m";
    case Style::kFaint: return "\033[2m";
    case Style::kGood: return is_coloured ? "\033[32m" : "";
    case Style::kWarning: return is_coloured ? "\033[33m" : "\033[1m";
    case Style::kBad: return is_coloured ? "\033[1;31m" : "\033[1m";
  }
  return "";
}

char printable(char c) {
  return c >= ' ' && c <= '~' ? c : '?';
}

}  // namespace

std::string paint(const Line& line, std::size_t columns, Look look) {
  std::size_t length = 0;
  for (const Span& span : line) length += span.text.size();
  std::string out;
  std::size_t used = 0;
  for (const Span& span : line) {
    std::string text = span.text.substr(0, columns - used);
    std::transform(text.begin(), text.end(), text.begin(), printable);
    used += text.size();
    if (length > columns && used == columns && !text.empty()) text.back() = '>';
    const std::string code = code_of(span.style, look);
    out += code.empty() || text.empty() ? text : code + text + kReset;
    if (used == columns) break;
  }
  return out;
}

std::string paint_screen(const std::vector<Line>& lines, std::size_t columns, std::size_t rows, Look look) {
  std::string out = "\033[H";
  const std::size_t count = std::min(lines.size(), rows);
  for (std::size_t i = 0; i < count; ++i) {
    // The erasure comes first: behind a full line it would take the last column.
    out += "\033[K" + paint(lines[i], columns, look);
    if (i + 1 < count) out += "\r\n";
  }
  // What is left of a longer frame, below.
  if (count < rows) out += "\r\n\033[J";
  return out;
}

std::string paint_text(const std::vector<Line>& lines, std::size_t columns) {
  std::string out;
  for (const Line& line : lines) {
    std::string text = paint(line, columns, Look::kText);
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  }
  return out;
}

}  // namespace sluice::top
