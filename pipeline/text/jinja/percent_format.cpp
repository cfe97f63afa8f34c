// The % of Python's strings.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {
namespace {

constexpr int kPrecisionMax = 100;
constexpr std::size_t kWidthMax = 10'000;

struct Spec {
  bool is_left = false;
  bool has_sign = false;
  bool has_space = false;
  bool is_zero_padded = false;
  bool is_alternate = false;
  std::size_t width = 0;
  int precision = -1;
  char conversion = 's';
};

class PercentFormat {
 public:
  PercentFormat(Run& run, const Text& format, const Value& arguments)
      : run_(run), format_(format), bytes_(format.bytes()), arguments_(arguments) {}

  Value result() {
    while (at_ < bytes_.size() && !run_.has_failed()) {
      const std::size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
      out_.append(format_, at_, percent);
      at_ = percent;
      if (at_ < bytes_.size()) conversion();
    }
    // As in Python: what can be asked for items, and is neither a tuple nor a string, may hold more than is used.
    const bool may_hold_more =
        arguments_.is_dict() || arguments_.is(Kind::kList) || arguments_.is(Kind::kRange) || arguments_.is_undefined();
    const bool uses_all = used_ >= count() || may_hold_more;
    if (!uses_all) return run_.fail("not all arguments converted during string formatting");
    return run_.make_text(std::move(out_));
  }

 private:
  std::size_t count() const { return arguments_.is(Kind::kTuple) ? arguments_.items().size() : 1; }

  Value next_argument() {
    if (used_ >= count()) return run_.fail("not enough arguments for format string");
    ++used_;
    return arguments_.is(Kind::kTuple) ? arguments_.items()[used_ - 1] : arguments_;
  }

  bool take(char c) {
    if (at_ >= bytes_.size() || bytes_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::int64_t number() {
    if (take('*')) {
      const Value argument = next_argument();
      return argument.is(Kind::kInt) ? argument.as_int() : 0;
    }
    std::int64_t value = 0;
    const auto parsed = std::from_chars(bytes_.data() + at_, bytes_.data() + bytes_.size(), value);
    at_ = static_cast<std::size_t>(parsed.ptr - bytes_.data());
    return parsed.ec == std::errc() ? value : 0;
  }

  // "(name)"
  std::optional<Value> named_argument() {
    if (!take('(')) return std::nullopt;
    const std::size_t end = bytes_.find(')', at_);
    if (end == std::string_view::npos) return run_.fail("incomplete format key");
    const std::string_view name = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    if (!arguments_.is_dict()) return run_.fail("format requires a mapping");
    const Value* value = arguments_.as_dict().find(name);
    return value != nullptr ? *value : run_.fail("format has no argument '" + std::string(name) + "'");
  }

  void conversion() {
    ++at_;  // %
    std::optional<Value> argument = named_argument();
    Spec spec;
    for (bool is_flag = true; is_flag;) {
      is_flag = true;
      if (take('-'))
        spec.is_left = true;
      else if (take('+'))
        spec.has_sign = true;
      else if (take(' '))
        spec.has_space = true;
      else if (take('0'))
        spec.is_zero_padded = true;
      else if (take('#'))
        spec.is_alternate = true;
      else
        is_flag = false;
    }
    spec.width = static_cast<std::size_t>(std::clamp<std::int64_t>(number(), 0, kWidthMax));
    if (take('.')) spec.precision = static_cast<int>(std::clamp<std::int64_t>(number(), 0, kPrecisionMax));
    if (at_ >= bytes_.size()) {
      run_.fail("incomplete format");
      return;
    }
    spec.conversion = bytes_[at_++];
    if (spec.conversion == '%') {
      out_.append("%", format_.is_trusted_at(at_ - 1));
      return;
    }
    if (!argument) argument = next_argument();
    if (!run_.has_failed()) append_converted(spec, *argument);
  }

  void append_converted(const Spec& spec, const Value& argument) {
    switch (spec.conversion) {
      case 's':
      case 'r': {
        Text text;
        spec.conversion == 's' ? append_str(run_, argument, text) : append_repr(run_, argument, text);
        if (spec.precision >= 0) {
          text = text.slice(0, offset_of(text.bytes(), static_cast<std::size_t>(spec.precision)));
        }
        append_padded(spec, text);
        return;
      }
      case 'c': append_character(spec, argument); return;
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o': append_integer(spec, argument); return;
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': append_float(spec, argument); return;
      default: run_.fail("unsupported format character '" + std::string(1, spec.conversion) + "'");
    }
  }

  void append_character(const Spec& spec, const Value& argument) {
    Text text;
    if (argument.is_text() && argument.as_text().count_code_points() == 1) {
      text = argument.as_text();
    } else if (argument.is(Kind::kInt) && argument.as_int() >= 0 && argument.as_int() < 0xD800) {
      std::string bytes;
      append_utf8(static_cast<char32_t>(argument.as_int()), bytes);
      text.append(bytes, false);
    } else {
      run_.fail("%c requires int or char");
    }
    append_padded(spec, text);
  }

  void append_integer(const Spec& spec, const Value& argument) {
    if (!argument.is_number()) {
      run_.fail("%" + std::string(1, spec.conversion) + " format: a number is required, not " +
                std::string(type_name(argument)));
      return;
    }
    const bool is_decimal = spec.conversion == 'd' || spec.conversion == 'i' || spec.conversion == 'u';
    if (argument.is(Kind::kFloat) && (!is_decimal || !(std::abs(argument.as_float()) < 0x1p63))) {
      run_.fail("a float cannot be shown as an integer of this kind");
      return;
    }
    const std::int64_t value =
        argument.is(Kind::kFloat) ? static_cast<std::int64_t>(argument.as_float()) : argument.as_int();
    const int base = is_decimal ? 10 : spec.conversion == 'o' ? 8 : 16;
    const std::uint64_t magnitude =
        value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base).ptr;
    std::string digits(buffer.data(), end);
    if (static_cast<int>(digits.size()) < spec.precision) {
      digits.insert(0, static_cast<std::size_t>(spec.precision) - digits.size(), '0');
    }
    const std::string_view prefix = !spec.is_alternate || base == 10 ? ""
                                    : base == 8                      ? "0o"
                                    : spec.conversion == 'X'         ? "0X"
                                                                     : "0x";
    if (spec.conversion == 'X') std::transform(digits.begin(), digits.end(), digits.begin(), upper_of);
    append_number(spec, value < 0, prefix, digits);
  }

  void append_float(const Spec& spec, const Value& argument) {
    if (!argument.is_number()) {
      run_.fail("must be real number, not " + std::string(type_name(argument)));
      return;
    }
    const double value = argument.as_float();
    const char lower = static_cast<char>(spec.conversion | 0x20);
    const auto format = lower == 'e'   ? std::chars_format::scientific
                        : lower == 'f' ? std::chars_format::fixed
                                       : std::chars_format::general;
    std::array<char, 512> buffer{};
    const int precision = spec.precision < 0 ? 6 : lower == 'g' ? std::max(spec.precision, 1) : spec.precision;
    const auto end =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(value), format, precision).ptr;
    std::string digits(buffer.data(), end);
    if (spec.conversion != lower) std::transform(digits.begin(), digits.end(), digits.begin(), upper_of);
    append_number(spec, std::signbit(value) && !std::isnan(value), "", digits);
  }

  static char upper_of(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

  void append_number(const Spec& spec, bool is_negative, std::string_view prefix, std::string digits) {
    std::string sign = is_negative ? "-" : spec.has_sign ? "+" : spec.has_space ? " " : "";
    sign += prefix;
    if (spec.is_zero_padded && !spec.is_left && sign.size() + digits.size() < spec.width) {
      digits.insert(0, spec.width - sign.size() - digits.size(), '0');
    }
    append_padded(spec, Text(sign + digits, true));
  }

  void append_padded(const Spec& spec, const Text& text) {
    const std::size_t size = text.count_code_points();
    const std::size_t padding = spec.width > size ? spec.width - size : 0;
    if (!run_.allocate(padding + text.size())) return;
    if (!spec.is_left) out_.append(std::string(padding, ' '), true);
    out_.append(text);
    if (spec.is_left) out_.append(std::string(padding, ' '), true);
  }

  Run& run_;
  const Text& format_;
  std::string_view bytes_;
  const Value& arguments_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
  Text out_;
};

}  // namespace

Value percent_format(Run& run, const Text& format, const Value& arguments) {
  return PercentFormat(run, format, arguments).result();
}

}  // namespace sluice::jinja
