#include "pipeline/text/jinja/text_methods.h"

#include <algorithm>
#include <array>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/letter_case.h"
#include "pipeline/text/jinja/str_format.h"
#include "pipeline/text/jinja/text_operations.h"

namespace sluice::jinja {
namespace {

template <Text (*kMap)(const Text&)>
Value mapped(Run& run, const Value& self, const Bound&) {
  if (!run.step(self.as_text().size())) return {};
  return run.make_text(kMap(self.as_text()));
}

template <Side kSide>
Value stripped(Run& run, const Value& self, const Bound& arguments) {
  const Text* characters = arguments.text(run, 0);
  if (!run.step(self.as_text().size() * (characters == nullptr ? 1 : 1 + characters->size() / 16))) return {};
  return run.make_text(strip(self.as_text(), characters, kSide));
}

template <Side kFrom>
Value split_method(Run& run, const Value& self, const Bound& arguments) {
  const Text* separator = arguments.text(run, 0);
  return split(run, self.as_text(), separator, arguments.integer(run, 1, -1), kFrom);
}

Value splitlines(Run& run, const Value& self, const Bound& arguments) {
  std::vector<Value> lines;
  for (Text& line : split_lines(run, self.as_text(), arguments.flag(0, false))) {
    lines.push_back(run.make_text(std::move(line)));
  }
  return run.make_sequence(Kind::kList, std::move(lines));
}

Value replace_method(Run& run, const Value& self, const Bound& arguments) {
  const Text* old_part = arguments.text(run, 0);
  const Text* new_part = arguments.text(run, 1);
  if (old_part == nullptr || new_part == nullptr) return run.fail("replace() takes strings");
  return replace(run, self.as_text(), *old_part, *new_part, arguments.integer(run, 2, -1));
}

Value join_method(Run& run, const Value& self, const Bound& arguments) {
  const auto items = iterate(run, arguments[0]);
  if (!items) return {};
  for (const Value& item : *items) {
    if (!item.is_text()) return run.fail("join() takes strings, not '" + std::string(type_name(item)) + "'");
  }
  return join(run, self.as_text(), *items);
}

// The part of `self` between the optional arguments `first` and `first + 1`, and how many characters are before it.
struct Window {
  Text text;
  std::int64_t num_before = 0;
  bool is_beyond = false;  // It begins behind the end: nothing is found there, not even an empty text.
};

Window window_of(Run& run, const Text& self, const Bound& arguments, std::size_t first) {
  if (!arguments.has(first) && !arguments.has(first + 1)) return {self};
  if (!run.step(2 * self.size())) return {};
  const auto size = static_cast<std::int64_t>(self.count_code_points());
  const auto place = [&](std::size_t index, std::int64_t left_out) {
    const std::int64_t at = arguments.integer(run, index, left_out);
    return at < 0 ? std::max<std::int64_t>(at + size, 0) : at;
  };
  const std::int64_t begin = place(first, 0);
  const std::int64_t end = std::min(place(first + 1, size), size);
  if (begin > end) return {{}, begin, true};
  const std::size_t from = offset_of(self.bytes(), static_cast<std::size_t>(begin));
  return {self.slice(from, offset_of(self.bytes(), static_cast<std::size_t>(end))), begin};
}

template <bool kFromEnd, bool kMustExist>
Value find_method_of_text(Run& run, const Value& self, const Bound& arguments) {
  const Text* part = arguments.text(run, 0);
  if (part == nullptr || !run.step(2 * self.as_text().size())) return run.fail("the argument must be a string");
  const Window window = window_of(run, self.as_text(), arguments, 1);
  const std::string_view bytes = window.text.bytes();
  const std::size_t place = window.is_beyond ? std::string_view::npos
                            : kFromEnd       ? find_last_bytes(bytes, part->bytes(), bytes.size())
                                             : find_bytes(bytes, part->bytes());
  if (place != std::string_view::npos) {
    return Value::of_int(window.num_before +
                         static_cast<std::int64_t>(window.text.slice(0, place).count_code_points()));
  }
  if constexpr (kMustExist) return run.fail("substring not found");
  return Value::of_int(-1);
}

Value count(Run& run, const Value& self, const Bound& arguments) {
  const Text* part = arguments.text(run, 0);
  if (part == nullptr) return run.fail("the argument must be a string");
  const Window window = window_of(run, self.as_text(), arguments, 1);
  return Value::of_int(window.is_beyond ? 0 : count_parts(run, window.text, *part));
}

template <bool kAtEnd>
Value starts_or_ends_with(Run& run, const Value& self, const Bound& arguments) {
  const Window window = window_of(run, self.as_text(), arguments, 1);
  const std::string_view bytes = window.text.bytes();
  std::vector<Value> parts{arguments[0]};
  if (arguments[0].is(Kind::kTuple)) parts = arguments[0].items();
  for (const Value& part : parts) {
    if (!part.is_text()) return run.fail("the argument must be a string or a tuple of strings");
    if (!run.step(part.as_text().size())) return {};
    const bool fits = kAtEnd ? bytes.ends_with(part.bytes()) : bytes.starts_with(part.bytes());
    if (fits && !window.is_beyond) return Value::of_bool(true);
  }
  return Value::of_bool(false);
}

template <bool kAtEnd>
Value without_affix(Run& run, const Value& self, const Bound& arguments) {
  const Text* affix = arguments.text(run, 0);
  if (affix == nullptr) return run.fail("the argument must be a string");
  const Text& text = self.as_text();
  const bool fits = kAtEnd ? text.bytes().ends_with(affix->bytes()) : text.bytes().starts_with(affix->bytes());
  if (!fits) return self;
  return run.make_text(kAtEnd ? text.slice(0, text.size() - affix->size()) : text.slice(affix->size(), text.size()));
}

template <bool kFromEnd>
Value partition(Run& run, const Value& self, const Bound& arguments) {
  const Text* separator = arguments.text(run, 0);
  if (separator == nullptr || separator->empty()) return run.fail("empty separator");
  const Text& text = self.as_text();
  if (!run.step(2 * text.size())) return {};
  const std::size_t place = kFromEnd ? find_last_bytes(text.bytes(), separator->bytes(), text.size())
                                     : find_bytes(text.bytes(), separator->bytes());
  const bool is_found = place != std::string_view::npos;
  const std::size_t begin = is_found ? place : kFromEnd ? 0 : text.size();
  const std::size_t end = is_found ? place + separator->size() : begin;
  return run.make_sequence(Kind::kTuple, {run.make_text(text.slice(0, begin)), run.make_text(text.slice(begin, end)),
                                          run.make_text(text.slice(end, text.size()))});
}

template <Side kSide>
Value padded(Run& run, const Value& self, const Bound& arguments) {
  const Text* fill = arguments.text(run, 1);
  return pad(run, self.as_text(), arguments.integer(run, 0, 0), fill == nullptr ? Text(" ", true) : *fill, kSide);
}

Value zfill(Run& run, const Value& self, const Bound& arguments) {
  const Text& text = self.as_text();
  const bool has_sign = text.bytes().starts_with('+') || text.bytes().starts_with('-');
  const std::size_t sign_bytes = has_sign ? 1 : 0;
  const Value digits =
      pad(run, text.slice(sign_bytes, text.size()),
          arguments.integer(run, 0, 0) - static_cast<std::int64_t>(sign_bytes), Text("0", true), Side::kLeft);
  if (run.has_failed()) return {};
  Text out = text.slice(0, sign_bytes);
  out.append(digits.as_text());
  return run.make_text(std::move(out));
}

// Whether it has characters and all fit.
template <bool (*kFits)(char32_t)>
Value all_characters(Run& run, const Value& self, const Bound&) {
  if (!run.step(self.as_text().size())) return {};
  const std::string_view bytes = self.bytes();
  bool fits = !bytes.empty();
  for (std::size_t at = 0; at < bytes.size() && fits;) fits = kFits(next_code_point(bytes, at));
  return Value::of_bool(fits);
}

// Whether it has cased characters, and all of them are of one case.
template <bool (*kIsOfCase)(char32_t)>
Value is_of_case(Run& run, const Value& self, const Bound&) {
  if (!run.step(self.as_text().size())) return {};
  const std::string_view bytes = self.bytes();
  bool has_cased = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const char32_t c = next_code_point(bytes, at);
    if (!is_cased(c)) continue;
    has_cased = true;
    if (!kIsOfCase(c)) return Value::of_bool(false);
  }
  return Value::of_bool(has_cased);
}

Value format(Run& run, const Value& self, const Bound& arguments) {
  return format_with_fields(run, self.as_text(), arguments.all());
}

constexpr Parameters kPart{{"sub", "start", "end"}, 1};
constexpr Parameters kSplit{{"sep", "maxsplit"}};
constexpr Parameters kPad{{"width", "fillchar"}, 1};
constexpr Parameters kNone{{}};
constexpr Parameters kCharacters{{"chars"}};
constexpr Parameters kOne{{"value"}, 1};

constexpr std::array kTextMethods = {
    Operation{"capitalize", kNone, mapped<to_capitalized>},
    Operation{"center", kPad, padded<Side::kBoth>},
    Operation{"count", kPart, count},
    Operation{"endswith", kPart, starts_or_ends_with<true>},
    Operation{"find", kPart, find_method_of_text<false, false>},
    Operation{"format", {{}, 0, true}, format},
    Operation{"index", kPart, find_method_of_text<false, true>},
    Operation{"isalnum", kNone, all_characters<is_alphanumeric>},
    Operation{"isalpha", kNone, all_characters<is_letter>},
    Operation{"isdecimal", kNone, all_characters<is_decimal_digit>},
    Operation{"isdigit", kNone, all_characters<is_decimal_digit>},
    Operation{"islower", kNone, is_of_case<is_lower>},
    Operation{"isspace", kNone, all_characters<is_space>},
    Operation{"isupper", kNone, is_of_case<is_upper>},
    Operation{"join", kOne, join_method},
    Operation{"ljust", kPad, padded<Side::kRight>},
    Operation{"lower", kNone, mapped<to_lower>},
    Operation{"lstrip", kCharacters, stripped<Side::kLeft>},
    Operation{"partition", kOne, partition<false>},
    Operation{"removeprefix", kOne, without_affix<false>},
    Operation{"removesuffix", kOne, without_affix<true>},
    Operation{"replace", {{"old", "new", "count"}, 2}, replace_method},
    Operation{"rfind", kPart, find_method_of_text<true, false>},
    Operation{"rindex", kPart, find_method_of_text<true, true>},
    Operation{"rjust", kPad, padded<Side::kLeft>},
    Operation{"rpartition", kOne, partition<true>},
    Operation{"rsplit", kSplit, split_method<Side::kRight>},
    Operation{"rstrip", kCharacters, stripped<Side::kRight>},
    Operation{"split", kSplit, split_method<Side::kLeft>},
    Operation{"splitlines", {{"keepends"}}, splitlines},
    Operation{"startswith", kPart, starts_or_ends_with<false>},
    Operation{"strip", kCharacters, stripped<Side::kBoth>},
    Operation{"swapcase", kNone, mapped<to_swapped_case>},
    Operation{"title", kNone, mapped<to_title>},
    Operation{"upper", kNone, mapped<to_upper>},
    Operation{"zfill", {{"width"}, 1}, zfill},
};

}  // namespace

std::span<const Operation> text_methods() {
  return kTextMethods;
}

}  // namespace sluice::jinja
