// Filters that make text. They take anything, and work on its str().
#include <algorithm>
#include <array>
#include <cmath>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/filters.h"
#include "pipeline/text/jinja/json_format.h"
#include "pipeline/text/jinja/letter_case.h"
#include "pipeline/text/jinja/python_format.h"
#include "pipeline/text/jinja/text_operations.h"

namespace sluice::jinja {
namespace {

template <Text (*kMap)(const Text&)>
Value mapped(Run& run, const Value& subject, const Bound&) {
  const Text text = str_of(run, subject);
  if (!run.step(text.size())) return {};
  return run.make_text(kMap(text));
}

Value trim(Run& run, const Value& subject, const Bound& arguments) {
  const Text text = str_of(run, subject);
  const Text* characters = arguments.text(run, 0);
  if (!run.step(text.size() * (characters == nullptr ? 1 : 1 + characters->size() / 16))) return {};
  return run.make_text(strip(text, characters, Side::kBoth));
}

bool begins_word(char32_t c) {
  return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
}

// Jinja's own title(): what follows white space or an opening bracket is upper case, all else lower case.
Text to_words_in_title(const Text& text) {
  Text out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    std::size_t next = begin;
    while (next < text.size() && begins_word(next_code_point(text.bytes(), next))) end = next;
    out.append(text, begin, end);
    begin = end;
    if (begin == text.size()) break;
    std::size_t first_end = begin;
    next_code_point(text.bytes(), first_end);
    for (next = end = first_end; next < text.size() && !begins_word(next_code_point(text.bytes(), next));) end = next;
    out.append(to_upper(text.slice(begin, first_end)));
    out.append(to_lower(text.slice(first_end, end)));
    begin = end;
  }
  return out;
}

Value replace_filter(Run& run, const Value& subject, const Bound& arguments) {
  return replace(run, str_of(run, subject), str_of(run, arguments[0]), str_of(run, arguments[1]),
                 arguments.integer(run, 2, -1));
}

Value indent(Run& run, const Value& subject, const Bound& arguments) {
  if (subject.is_undefined()) return run.fail(subject.why_undefined());
  if (!subject.is_text()) return run.fail("indent: not a string: '" + std::string(type_name(subject)) + "'");
  Text indention(std::string(4, ' '), true);
  if (arguments.has(0)) {
    indention = arguments[0].is_text() ? arguments[0].as_text()
                                       : Text(std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(
                                                              arguments.integer(run, 0, 4), 0, kRangeMax)),
                                                          ' '),
                                              true);
  }
  const bool indents_first = arguments.flag(1, false);
  const bool indents_blank = arguments.flag(2, false);
  Text text = subject.as_text();
  text.append("\n", true);
  Text out;
  bool is_first = true;
  for (const Text& line : split_lines(run, text, /*keeps_ends=*/false)) {
    if (!run.allocate(indention.memory_bytes() + line.memory_bytes() + 1 + sizeof(Piece))) return {};
    if (!is_first) out.append("\n", true);
    if (is_first ? indents_first : indents_blank || !line.empty()) out.append(indention);
    is_first = false;
    out.append(line);
  }
  return run.make_text(std::move(out));
}

// An indention given as a number or as text; absent: none.
std::optional<Text> json_indent(Run& run, const Value* value) {
  if (value == nullptr || value->is(Kind::kNone)) return std::nullopt;
  if (value->is_text()) return value->as_text();
  if (!value->is_integral()) {
    run.fail("tojson: an indent must be an integer or a string, not '" + std::string(type_name(*value)) + "'");
    return std::nullopt;
  }
  return Text(std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(value->as_int(), 0, 256)), ' '), true);
}

Value tojson(Run& run, const Value& subject, const Bound& arguments) {
  JsonStyle style;
  style.escapes_non_ascii = arguments.flag(0, false);
  style.indent = json_indent(run, arguments.find(1));
  style.item_separator = Text(style.indent ? "," : ", ", true);
  style.key_separator = Text(": ", true);
  style.sorts_keys = arguments.flag(3, false);
  const Value* separators = arguments.find(2);
  if (separators != nullptr && !separators->is(Kind::kNone)) {
    const bool is_pair = (separators->is(Kind::kTuple) || separators->is(Kind::kList)) &&
                         separators->items().size() == 2 && separators->items()[0].is_text() &&
                         separators->items()[1].is_text();
    if (!is_pair) return run.fail("tojson: separators must be two strings");
    style.item_separator = separators->items()[0].as_text();
    style.key_separator = separators->items()[1].as_text();
  }
  return to_json(run, subject, style);
}

std::string_view html_escape(char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '\'': return "&#39;";
    case '"': return "&#34;";
    default: return {};
  }
}

Value escape(Run& run, const Value& subject, const Bound&) {
  const Text text = str_of(run, subject);
  Text out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view escaped = html_escape(text.bytes()[i]);
    if (escaped.empty()) continue;
    if (!run.allocate(escaped.size() + sizeof(Piece))) return {};
    out.append(text, begin, i);
    out.append(escaped, text.is_trusted_at(i));
    begin = i + 1;
  }
  out.append(text, begin, text.size());
  return run.make_text(std::move(out));
}

Value string(Run& run, const Value& subject, const Bound&) {
  return text_of(run, subject);
}

Value center(Run& run, const Value& subject, const Bound& arguments) {
  return pad(run, str_of(run, subject), arguments.integer(run, 0, 80), Text(" ", true), Side::kBoth);
}

Value truncate(Run& run, const Value& subject, const Bound& arguments) {
  const auto size = length_of(subject);
  if (!size) return run.fail("truncate: '" + std::string(type_name(subject)) + "' has no length");
  const std::int64_t length = arguments.integer(run, 0, 255);
  const Text end = arguments.text(run, 2) == nullptr ? Text("...", true) : *arguments.text(run, 2);
  const auto end_length = static_cast<std::int64_t>(end.count_code_points());
  const std::int64_t leeway = arguments.integer(run, 3, 5);
  if (length < end_length || leeway < 0) return run.fail("truncate: the length is too small");
  if (static_cast<std::int64_t>(*size) - length <= leeway) return subject;
  if (!subject.is_text()) return run.fail("truncate: not a string: '" + std::string(type_name(subject)) + "'");
  const Text& text = subject.as_text();
  Text out = text.slice(0, offset_of(text.bytes(), static_cast<std::size_t>(length - end_length)));
  if (!arguments.flag(1, false)) {
    const std::size_t space = out.bytes().rfind(' ');
    if (space != std::string_view::npos) out = out.slice(0, space);
  }
  out.append(end);
  return run.make_text(std::move(out));
}

Value wordcount(Run& run, const Value& subject, const Bound&) {
  const Text text = str_of(run, subject);
  std::int64_t count = 0;
  bool is_within = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text.bytes(), at);
    const bool is_letter = c == '_' || is_alphanumeric(c);
    if (is_letter && !is_within) ++count;
    is_within = is_letter;
  }
  return run.step(text.size()) ? Value::of_int(count) : Value();
}

Value format(Run& run, const Value& subject, const Bound& arguments) {
  const Arguments& all = arguments.all();
  if (!all.positional.empty() && !all.named.empty()) {
    return run.fail("format: takes positional or named arguments, not both");
  }
  if (all.named.empty()) {
    return percent_format(run, str_of(run, subject), run.make_sequence(Kind::kTuple, all.positional));
  }
  Dict named;
  for (const auto& [name, value] : all.named) named.set(name, value);
  return percent_format(run, str_of(run, subject), run.make_dict(std::move(named)));
}

constexpr Parameters kNone{{}};

constexpr auto kFilters = std::to_array<Operation>({
    {"capitalize", kNone, mapped<to_capitalized>},
    {"center", {{"width"}}, center},
    {"e", kNone, escape},
    {"escape", kNone, escape},
    {"forceescape", kNone, escape},
    {"format", {{}, 0, true}, format},
    {"indent", {{"width", "first", "blank"}}, indent},
    {"lower", kNone, mapped<to_lower>},
    {"replace", {{"old", "new", "count"}, 2}, replace_filter},
    {"safe", kNone, string},
    {"string", kNone, string},
    {"title", kNone, mapped<to_words_in_title>},
    {"tojson", {{"ensure_ascii", "indent", "separators", "sort_keys"}}, tojson},
    {"trim", {{"chars"}}, trim},
    {"truncate", {{"length", "killwords", "end", "leeway"}}, truncate},
    {"upper", kNone, mapped<to_upper>},
    {"wordcount", kNone, wordcount},
});

}  // namespace

std::span<const Operation> text_filters() {
  return kFilters;
}

}  // namespace sluice::jinja
