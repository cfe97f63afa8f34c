// Filters that make numbers.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "pipeline/text/jinja/arithmetic.h"
#include "pipeline/text/jinja/filters.h"
#include "pipeline/text/jinja/text_operations.h"

namespace sluice::jinja {
namespace {

// "1_000" as Python reads it: single underscores between digits.
std::optional<std::string> without_underscores(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (digits[i] != '_') {
      out += digits[i];
      continue;
    }
    const auto is_digit = [&](std::size_t at) {
      return at < digits.size() && ((digits[at] >= '0' && digits[at] <= '9') || (digits[at] | 0x20) >= 'a');
    };
    if (i == 0 || !is_digit(i - 1) || digits[i - 1] == '_' || !is_digit(i + 1) || digits[i + 1] == '_')
      return std::nullopt;
  }
  return out;
}

// int(text, base)
std::optional<std::int64_t> parse_int(std::string_view text, int base) {
  bool is_negative = false;
  if (text.starts_with('-') || text.starts_with('+')) {
    is_negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const auto has_prefix = [&](char letter) { return text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == letter; };
  for (const auto& [letter, radix] : {std::pair{'x', 16}, {'o', 8}, {'b', 2}}) {
    if (!has_prefix(letter) || (base != radix && base != 0)) continue;
    base = radix;
    text.remove_prefix(2);
    break;
  }
  if (base == 0) base = 10;
  if (text.empty() || text[0] == '-') return std::nullopt;
  const auto digits = without_underscores(text);
  if (!digits) return std::nullopt;
  const std::string signed_digits = (is_negative ? "-" : "") + *digits;
  std::int64_t value = 0;
  const char* end = signed_digits.data() + signed_digits.size();
  const auto parsed = std::from_chars(signed_digits.data(), end, value, base);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

// float(text)
std::optional<double> parse_float(std::string_view text) {
  bool is_negative = false;
  if (text.starts_with('-') || text.starts_with('+')) {
    is_negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text[0] == '-' || text[0] == '+' || text.starts_with("nan(")) return std::nullopt;
  const auto digits = without_underscores(text);
  if (!digits) return std::nullopt;
  double value = 0;
  const char* end = digits->data() + digits->size();
  const auto parsed = std::from_chars(digits->data(), end, value);
  if (parsed.ptr != end) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) value = digits->find("e-") != std::string::npos ? 0 : HUGE_VAL;
  return is_negative ? -value : value;
}

std::optional<double> float_of(const Value& value) {
  if (value.is_number()) return value.as_float();
  if (!value.is_text()) return std::nullopt;
  const Text stripped = strip(value.as_text(), nullptr, Side::kBoth);
  return parse_float(stripped.bytes());
}

Value to_int(Run& run, const Value& subject, const Bound& arguments) {
  if (subject.is_undefined()) return run.fail(subject.why_undefined());
  const Value left_out = arguments.has(0) ? arguments[0] : Value::of_int(0);
  if (subject.is_integral()) return Value::of_int(subject.as_int());
  if (subject.is_text()) {
    const Text stripped = strip(subject.as_text(), nullptr, Side::kBoth);
    const std::int64_t base = arguments.integer(run, 1, 10);
    if (base < 0 || base > 36 || base == 1) return run.fail("int: the base must be 0 or 2 to 36");
    if (const auto value = parse_int(stripped.bytes(), static_cast<int>(base))) return Value::of_int(*value);
  }
  const auto number = float_of(subject);
  if (!number || std::isnan(*number) || std::isinf(*number)) return left_out;
  if (std::abs(*number) >= 0x1p63) return run.fail("an integer has more than 64 bits");
  return Value::of_int(static_cast<std::int64_t>(*number));
}

Value to_float(Run& run, const Value& subject, const Bound& arguments) {
  if (subject.is_undefined()) return run.fail(subject.why_undefined());
  if (const auto number = float_of(subject)) return Value::of_float(*number);
  return arguments.has(0) ? arguments[0] : Value::of_float(0);
}

Value absolute(Run& run, const Value& subject, const Bound&) {
  if (!subject.is_number()) {
    return run.fail(subject.is_undefined() ? subject.why_undefined()
                                           : "abs: not a number: '" + std::string(type_name(subject)) + "'");
  }
  const bool is_negative = subject.is(Kind::kFloat) ? std::signbit(subject.as_float()) : subject.as_int() < 0;
  return is_negative ? negated(run, subject) : with_plus_sign(run, subject);
}

// round(number, digits) of Python: halves to even, of the exact decimal value.
double rounded(double number, int digits) {
  std::array<char, 512> buffer{};
  if (digits >= 0) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed,
                                   std::min(digits, 100))
                         .ptr;
    std::from_chars(buffer.data(), end, number);
    return number;
  }
  const double scale = std::pow(10.0, -digits);
  return std::nearbyint(number / scale) * scale;
}

Value round_filter(Run& run, const Value& subject, const Bound& arguments) {
  const std::int64_t precision = std::clamp<std::int64_t>(arguments.integer(run, 0, 0), -300, 300);
  const Text* method = arguments.text(run, 1);
  const std::string_view name = method == nullptr ? "common" : method->bytes();
  if (!subject.is_number()) return run.fail("round: not a number: '" + std::string(type_name(subject)) + "'");
  const double number = subject.as_float();
  if (name == "common") {
    // An int stays one.
    if (subject.is_integral() && precision >= 0) return with_plus_sign(run, subject);
    if (!std::isfinite(number)) return subject;
    const double result = rounded(number, static_cast<int>(precision));
    if (!subject.is_integral()) return Value::of_float(result);
    if (result < -0x1p63 || result >= 0x1p63) return run.fail("an integer has more than 64 bits");
    return Value::of_int(static_cast<std::int64_t>(result));
  }
  if (name != "ceil" && name != "floor") return run.fail("round: the method must be common, ceil or floor");
  if (!std::isfinite(number)) return run.fail("round: cannot convert infinity or NaN to an integer");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = number * scale;
  return Value::of_float((name == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

constexpr auto kFilters = std::to_array<Operation>({
    {"abs", {{}}, absolute},
    {"float", {{"default"}}, to_float},
    {"int", {{"default", "base"}}, to_int},
    {"round", {{"precision", "method"}}, round_filter},
});

}  // namespace

std::span<const Operation> number_filters() {
  return kFilters;
}

}  // namespace sluice::jinja
