#include "pipeline/log/log_line.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sluice {
namespace {

struct Parts {
  std::string_view actor;
  std::string_view sentence;
  std::string_view fields;
};

Parts split(std::string_view payload) {
  const std::size_t actor_end = payload.find(LogEvent::kUnitSeparator);
  const std::size_t sentence_end = payload.find(LogEvent::kUnitSeparator, actor_end + 1);
  return {payload.substr(0, actor_end), payload.substr(actor_end + 1, sentence_end - actor_end - 1),
          payload.substr(sentence_end + 1)};
}

bool is_event(std::string_view payload) {
  int separators = 0;
  for (const char c : payload) {
    if (c == LogEvent::kUnitSeparator) {
      ++separators;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      return false;
    }
  }
  return separators == 2;
}

void append_number(std::int64_t number, std::size_t digits, std::string& out) {
  const std::string text = std::to_string(number);
  if (text.size() < digits) out.append(digits - text.size(), '0');
  out += text;
}

// UTC, RFC 3339.
void append_time(std::chrono::system_clock::time_point time, std::string& out) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
  append_number(static_cast<int>(date.year()), 4, out);
  out += '-';
  append_number(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  append_number(static_cast<unsigned>(date.day()), 2, out);
  out += 'T';
  append_number(clock.hours().count(), 2, out);
  out += ':';
  append_number(clock.minutes().count(), 2, out);
  out += ':';
  append_number(clock.seconds().count(), 2, out);
  out += '.';
  append_number(clock.subseconds().count(), 3, out);
  out += 'Z';
}

// Where the value that begins the text ends: it is in quotes, or has no blank.
std::size_t value_end(std::string_view text) {
  if (!text.starts_with('"')) return std::min(text.find(' '), text.size());
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

// id="a" sequence=17   as   ,"id":"a","sequence":17
void append_json_fields(std::string_view fields, std::string& out) {
  while (!fields.empty()) {
    const std::size_t equals = fields.find('=');
    if (equals == std::string_view::npos) return;
    const std::string_view value = fields.substr(equals + 1);
    const std::size_t end = value_end(value);
    out += ",\"";
    out += fields.substr(0, equals);
    out += "\":";
    out += value.substr(0, end);
    fields = value.substr(end);
    if (fields.starts_with(' ')) fields.remove_prefix(1);
  }
}

std::string json_line(const LogRecord& record, const Parts& parts) {
  std::string line = "{\"time\":\"";
  append_time(record.time, line);
  line += "\",\"process\":\"";
  line += record.process;
  line += "\",\"level\":\"";
  line += to_string(record.level);
  line += "\",\"actor\":\"";
  line += parts.actor;
  line += "\",\"event\":\"";
  line += parts.sentence;
  line += '"';
  append_json_fields(parts.fields, line);
  line += "}\n";
  return line;
}

std::string text_line(const LogRecord& record, const Parts& parts) {
  std::string line;
  append_time(record.time, line);
  for (const std::string_view word : {record.process, to_string(record.level), parts.actor}) {
    line += ' ';
    line += word;
  }
  line += ": ";
  line += parts.sentence;
  if (!parts.fields.empty()) line += ' ';
  line += parts.fields;
  line += '\n';
  return line;
}

}  // namespace

std::string line_of(const LogRecord& record, LogFormat format) {
  std::string foreign;
  Parts parts;
  if (is_event(record.payload)) {
    parts = split(record.payload);
  } else {
    foreign = "message=";
    append_quoted(record.payload, LogEvent::kValueBytesMax, foreign);
    parts = {"library", "says", foreign};
  }
  return format == LogFormat::kJson ? json_line(record, parts) : text_line(record, parts);
}

}  // namespace sluice
