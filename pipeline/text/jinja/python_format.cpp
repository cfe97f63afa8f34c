#include "pipeline/text/jinja/python_format.h"

#include <array>
#include <charconv>
#include <cmath>

#include "pipeline/text/jinja/code_points.h"

namespace sluice::jinja {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void append_hex(char32_t c, int digits, std::string& out) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kHexDigits[(c >> shift) & 0xFU];
}

void append_escaped(char32_t c, char quote, std::string& out) {
  if (c == static_cast<char32_t>(quote) || c == '\\') {
    out += '\\';
    out += static_cast<char>(c);
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else if (is_printable(c)) {
    append_utf8(c, out);
  } else if (c < 0x100) {
    out += "\\x";
    append_hex(c, 2, out);
  } else if (c < 0x10000) {
    out += "\\u";
    append_hex(c, 4, out);
  } else {
    out += "\\U";
    append_hex(c, 8, out);
  }
}

void append_quoted(Run& run, const Text& text, Text& out) {
  if (!run.allocate(text.size())) return;
  const bool has_single = text.bytes().find('\'') != std::string_view::npos;
  const bool has_double = text.bytes().find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  out.append({&quote, 1}, true);
  std::string escaped;
  std::size_t offset = 0;
  for (const Piece& piece : text.pieces()) {
    escaped.clear();
    while (offset < piece.end) append_escaped(next_code_point(text.bytes(), offset), quote, escaped);
    out.append(escaped, piece.is_trusted);
  }
  out.append({&quote, 1}, true);
}

void append_items(Run& run, const std::vector<Value>& items, Text& out) {
  bool is_first = true;
  for (const Value& item : items) {
    if (!run.step()) return;
    if (!is_first) out.append(", ", true);
    is_first = false;
    append_repr(run, item, out);
  }
}

void append_dict(Run& run, const Dict& dict, Text& out) {
  out.append("{", true);
  bool is_first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!run.step()) return;
    if (!is_first) out.append(", ", true);
    is_first = false;
    append_repr(run, key, out);
    out.append(": ", true);
    append_repr(run, value, out);
  }
  out.append("}", true);
}

void append_range(const Value& value, Text& out) {
  const auto& [start, stop, step] = value.as_sequence().range;
  std::string text = "range(" + std::to_string(start) + ", " + std::to_string(stop);
  if (step != 1) text += ", " + std::to_string(step);
  out.append(text + ")", true);
}

void append_sequence(Run& run, const Value& value, Text& out) {
  switch (value.kind()) {
    case Kind::kList:
      out.append("[", true);
      append_items(run, value.items(), out);
      out.append("]", true);
      return;
    case Kind::kTuple:
      out.append("(", true);
      append_items(run, value.items(), out);
      out.append(value.items().size() == 1 ? ",)" : ")", true);
      return;
    case Kind::kRange: append_range(value, out); return;
    case Kind::kIterator: out.append("<generator object>", true); return;
    default:
      out.append(std::string(type_name(value)) + "([", true);
      append_items(run, value.items(), out);
      out.append("])", true);
  }
}

}  // namespace

std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 32> buffer{};
  const auto shortest =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific);
  std::string text(buffer.data(), shortest.ptr);
  const std::size_t e = text.find('e');
  int exponent = 0;
  const char* digits = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(digits, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 16) return text;
  std::array<char, 64> plain{};
  const auto fixed = std::to_chars(plain.data(), plain.data() + plain.size(), number, std::chars_format::fixed);
  std::string out(plain.data(), fixed.ptr);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

void append_str(Run& run, const Value& value, Text& out) {
  switch (value.kind()) {
    case Kind::kUndefined: return;
    case Kind::kText:
      if (run.allocate(value.as_text().memory_bytes())) {
        out.append(value.as_text());
      }
      return;
    default: append_repr(run, value, out);
  }
}

void append_repr(Run& run, const Value& value, Text& out) {
  const Run::Level level(run);
  if (!level.is_ok() || !run.allocate(8)) return;
  switch (value.kind()) {
    case Kind::kUndefined: out.append("Undefined", true); return;
    case Kind::kNone: out.append("None", true); return;
    case Kind::kBool: out.append(value.as_bool() ? "True" : "False", true); return;
    case Kind::kInt: out.append(std::to_string(value.as_int()), true); return;
    case Kind::kFloat: out.append(float_repr(value.as_float()), true); return;
    case Kind::kText: append_quoted(run, value.as_text(), out); return;
    case Kind::kDict: append_dict(run, value.as_dict(), out); return;
    case Kind::kObject: out.append(value.as_object()->description(run), false); return;
    default: append_sequence(run, value, out);
  }
}

Text str_of(Run& run, const Value& value) {
  Text out;
  append_str(run, value, out);
  return out;
}

}  // namespace sluice::jinja
