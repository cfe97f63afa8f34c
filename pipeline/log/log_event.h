// An event worth a line of the log: a sentence, which is a literal of ours, and named values beside it. Whatever came
// from outside (request ids, client names, sentences of errors) is a value: those are escaped here, once for all, so
// that none can end a line, forge another, or control a terminal.
//
// Bound:   a value takes at most kValueBytesMax bytes, escaped; what is beyond is cut, and "..." says so.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
std::string_view to_string(LogLevel level);

class LogEvent {
 public:
  static constexpr std::size_t kValueBytesMax = 512;

  // Who says it ("ingress"), and what happened: without quotes, separators or values.
  LogEvent(LogLevel level, std::string_view actor, std::string_view sentence);

  // `key`: [a-z0-9_]; each once per event, in the order of the line.
  LogEvent& with(std::string_view key, std::string_view value);
  template <std::integral T>
  LogEvent& with(std::string_view key, T number) {
    return with_bare(key, std::to_string(number));
  }

  LogLevel level() const { return level_; }
  // The event as one string without control characters but for two kUnitSeparator:
  // actor, sentence, and the fields as they stand in a line: id="a \"b\"" sequence=17
  const std::string& payload() const { return payload_; }

  static constexpr char kUnitSeparator = '\x1f';

 private:
  LogEvent& with_bare(std::string_view key, std::string_view text);

  LogLevel level_;
  bool has_fields_ = false;
  std::string payload_;
};

// `text` in quotes, as JSON writes it, with all that a terminal could take for a command (C0, C1, DEL) and all that
// changes the order or the lines of what is read (U+200E, U+2028, U+202E and their like) as \uXXXX. Bytes that are no
// UTF-8 become U+FFFD. At most `bytes_max` bytes between the quotes, "..." for the rest not counted.
void append_quoted(std::string_view text, std::size_t bytes_max, std::string& out);

}  // namespace sluice
