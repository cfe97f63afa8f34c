#include "pipeline/log/log_event.h"

#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

bool is_hidden(char32_t c) {
  const bool is_control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
  const bool is_direction =
      c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  const bool is_line_end = c == 0x2028 || c == 0x2029;
  return is_control || is_direction || is_line_end || c == 0xfeff;
}

void append_escape(char32_t c, std::string& out) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(c >> shift) & 15];
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarn: return "warn";
    case LogLevel::kError: return "error";
  }
  return "unknown";
}

void append_quoted(std::string_view text, std::size_t bytes_max, std::string& out) {
  constexpr std::size_t kEscapeBytes = 6;
  out += '"';
  const std::size_t begin = out.size();
  while (!text.empty()) {
    if (out.size() - begin + kEscapeBytes > bytes_max) {
      out += "...";
      break;
    }
    const Utf8Step step = next_utf8(text);
    if (step.kind != Utf8Kind::kCharacter) {
      out += kReplacementCharacter;
    } else if (is_hidden(step.code_point)) {
      append_escape(step.code_point, out);
    } else {
      if (step.code_point == '"' || step.code_point == '\\') out += '\\';
      out += text.substr(0, step.size_bytes);
    }
    text.remove_prefix(step.size_bytes);
  }
  out += '"';
}

LogEvent::LogEvent(LogLevel level, std::string_view actor, std::string_view sentence) : level_(level) {
  payload_.reserve(256);
  payload_ += actor;
  payload_ += kUnitSeparator;
  payload_ += sentence;
  payload_ += kUnitSeparator;
}

LogEvent& LogEvent::with(std::string_view key, std::string_view value) {
  with_bare(key, {});
  append_quoted(value, kValueBytesMax, payload_);
  return *this;
}

LogEvent& LogEvent::with_bare(std::string_view key, std::string_view text) {
  if (has_fields_) payload_ += ' ';
  has_fields_ = true;
  payload_ += key;
  payload_ += '=';
  payload_ += text;
  return *this;
}

}  // namespace sluice
