#include "pipeline/text/jinja/json_format.h"

#include <algorithm>
#include <cmath>

#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {
namespace {

constexpr std::size_t kFlushedBytes = 4096;  // Charged and appended at once: one character may become 12 bytes.

void append_unit(char32_t unit, std::string& out) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHexDigits[(unit >> shift) & 0xFU];
}

void append_escaped(char32_t c, bool escapes_non_ascii, std::string& out) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\f': out += "\\f"; return;
    case '\b': out += "\\b"; return;
    default: break;
  }
  // Python takes U+007F for one that is not ASCII's.
  if (c < 0x20 || (escapes_non_ascii && c >= 0x7F && c < 0x10000)) {
    append_unit(c, out);
  } else if (escapes_non_ascii && c >= 0x10000) {
    append_unit(0xD800 + ((c - 0x10000) >> 10), out);
    append_unit(0xDC00 + ((c - 0x10000) & 0x3FFU), out);
  } else {
    append_utf8(c, out);
  }
}

class JsonWriter {
 public:
  JsonWriter(Run& run, const JsonStyle& style) : run_(run), style_(style) {}

  void write(const Value& value) {
    const Run::Level level(run_);
    if (!level.is_ok() || !run_.allocate(8 + sizeof(Piece))) return;
    switch (value.kind()) {
      case Kind::kNone: literal("null"); return;
      case Kind::kBool: literal(value.as_bool() ? "true" : "false"); return;
      case Kind::kInt: literal(std::to_string(value.as_int())); return;
      case Kind::kFloat: literal(number(value.as_float())); return;
      case Kind::kText: string(value.as_text()); return;
      case Kind::kList:
      case Kind::kTuple: list(value.items()); return;
      case Kind::kDict: object(value.as_dict()); return;
      default: run_.fail("Object of type " + std::string(type_name(value)) + " is not JSON serializable");
    }
  }

  Text take() { return std::move(out_); }

 private:
  void literal(std::string_view text) { out_.append(text, true); }

  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_repr(value);
  }

  void string(const Text& text) {
    if (!run_.allocate((text.pieces().size() + 2) * sizeof(Piece))) return;
    literal("\"");
    std::string escaped;
    std::size_t offset = 0;
    for (const Piece& piece : text.pieces()) {
      while (offset < piece.end) {
        append_escaped(next_code_point(text.bytes(), offset), style_.escapes_non_ascii, escaped);
        if (escaped.size() < kFlushedBytes && offset < piece.end) continue;
        if (!run_.allocate(escaped.size())) return;
        out_.append(escaped, piece.is_trusted);
        escaped.clear();
      }
    }
    literal("\"");
  }

  void new_line() {
    if (!style_.indent) return;
    if (!run_.allocate(style_.indent->memory_bytes() * depth_ + 1 + sizeof(Piece))) return;
    literal("\n");
    for (std::size_t i = 0; i < depth_; ++i) out_.append(*style_.indent);
  }

  void separator(bool& is_first) {
    if (!is_first && run_.allocate(style_.item_separator.memory_bytes())) out_.append(style_.item_separator);
    is_first = false;
    new_line();
  }

  void list(const std::vector<Value>& items) {
    if (items.empty()) return literal("[]");
    literal("[");
    ++depth_;
    bool is_first = true;
    for (const Value& item : items) {
      if (run_.has_failed()) return;
      separator(is_first);
      write(item);
    }
    --depth_;
    new_line();
    literal("]");
  }

  void key(const Value& value) {
    switch (value.kind()) {
      case Kind::kText: return string(value.as_text());
      case Kind::kNone:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kFloat:
        literal("\"");
        write(value);
        return literal("\"");
      default: run_.fail("keys must be str, int, float, bool or None, not " + std::string(type_name(value)));
    }
  }

  void object(const Dict& dict) {
    if (dict.size() == 0) return literal("{}");
    std::vector<const Dict::Entry*> entries;
    for (const auto& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sorts_keys && !sort(entries)) return;
    literal("{");
    ++depth_;
    bool is_first = true;
    for (const auto* entry : entries) {
      if (run_.has_failed()) return;
      separator(is_first);
      key(entry->first);
      if (run_.allocate(style_.key_separator.memory_bytes())) out_.append(style_.key_separator);
      write(entry->second);
    }
    --depth_;
    new_line();
    literal("}");
  }

  bool sort(std::vector<const Dict::Entry*>& entries) {
    for (const auto* entry : entries) {
      if (!run_.step(entry->first.is_text() ? entry->first.as_text().size() : 0)) return false;
      if (entry->first.is_text()) continue;
      run_.fail("only mappings whose keys are all strings can be sorted");
      return false;
    }
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto* a, const auto* b) { return a->first.bytes() < b->first.bytes(); });
    return true;
  }

  Run& run_;
  const JsonStyle& style_;
  std::size_t depth_ = 0;
  Text out_;
};

}  // namespace

Value to_json(Run& run, const Value& value, const JsonStyle& style) {
  JsonWriter writer(run, style);
  writer.write(value);
  return run.make_text(writer.take());
}

}  // namespace sluice::jinja
