#include "pipeline/text/jinja/arithmetic.h"

#include <cmath>

#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {
namespace {

std::string_view symbol(BinaryOperator op) {
  switch (op) {
    case BinaryOperator::kAdd: return "+";
    case BinaryOperator::kSubtract: return "-";
    case BinaryOperator::kMultiply: return "*";
    case BinaryOperator::kDivide: return "/";
    case BinaryOperator::kFloorDivide: return "//";
    case BinaryOperator::kModulo: return "%";
    case BinaryOperator::kPower: return "**";
  }
  return "?";
}

Value too_large(Run& run) {
  return run.fail("an integer has more than 64 bits");
}

Value power_of_ints(Run& run, std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  if (base == 0 || base == 1) return Value::of_int(exponent == 0 ? 1 : base);
  if (base == -1) return Value::of_int(exponent % 2 == 0 ? 1 : -1);
  for (; exponent > 0; --exponent) {  // At most 63 times: then it has overflowed.
    if (__builtin_mul_overflow(result, base, &result)) return too_large(run);
  }
  return Value::of_int(result);
}

// The quotient rounded down, and the remainder with the divisor's sign.
Value divide_ints(Run& run, std::int64_t a, std::int64_t b, bool wants_quotient) {
  if (b == 0) return run.fail("integer division or modulo by zero");
  if (b == -1) {
    if (!wants_quotient) return Value::of_int(0);
    return a == INT64_MIN ? too_large(run) : Value::of_int(-a);
  }
  std::int64_t quotient = a / b;
  std::int64_t remainder = a % b;
  if (remainder != 0 && (remainder < 0) != (b < 0)) {
    remainder += b;
    --quotient;
  }
  return Value::of_int(wants_quotient ? quotient : remainder);
}

// As CPython's float_floor_div and float_rem.
Value divide_floats(Run& run, double a, double b, bool wants_quotient) {
  if (b == 0) return run.fail("float floor division or modulo by zero");
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder == 0) {
    remainder = std::copysign(0.0, b);
  } else if ((b < 0) != (remainder < 0)) {
    remainder += b;
    quotient -= 1.0;
  }
  if (!wants_quotient) return Value::of_float(remainder);
  if (quotient == 0) return Value::of_float(std::copysign(0.0, a / b));
  double floored = std::floor(quotient);
  if (quotient - floored > 0.5) floored += 1.0;
  return Value::of_float(floored);
}

Value power_of_floats(Run& run, double base, double exponent) {
  if (base == 0 && exponent < 0) return run.fail("0.0 cannot be raised to a negative power");
  if (base < 0 && std::isfinite(base) && std::isfinite(exponent) && exponent != std::floor(exponent)) {
    return run.fail("the power is a complex number");
  }
  const double result = std::pow(base, exponent);
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) return run.fail("the power is too large");
  return Value::of_float(result);
}

Value apply_to_ints(Run& run, BinaryOperator op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case BinaryOperator::kAdd: return __builtin_add_overflow(a, b, &result) ? too_large(run) : Value::of_int(result);
    case BinaryOperator::kSubtract:
      return __builtin_sub_overflow(a, b, &result) ? too_large(run) : Value::of_int(result);
    case BinaryOperator::kMultiply:
      return __builtin_mul_overflow(a, b, &result) ? too_large(run) : Value::of_int(result);
    case BinaryOperator::kDivide:
      if (b == 0) return run.fail("division by zero");
      // Of a long double, so that the quotient is rounded once.
      return Value::of_float(static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
    case BinaryOperator::kFloorDivide: return divide_ints(run, a, b, true);
    case BinaryOperator::kModulo: return divide_ints(run, a, b, false);
    case BinaryOperator::kPower:
      return b >= 0 ? power_of_ints(run, a, b) : power_of_floats(run, static_cast<double>(a), static_cast<double>(b));
  }
  return {};
}

Value apply_to_floats(Run& run, BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::kAdd: return Value::of_float(a + b);
    case BinaryOperator::kSubtract: return Value::of_float(a - b);
    case BinaryOperator::kMultiply: return Value::of_float(a * b);
    case BinaryOperator::kDivide: return b == 0 ? run.fail("float division by zero") : Value::of_float(a / b);
    case BinaryOperator::kFloorDivide: return divide_floats(run, a, b, true);
    case BinaryOperator::kModulo: return divide_floats(run, a, b, false);
    case BinaryOperator::kPower: return power_of_floats(run, a, b);
  }
  return {};
}

// Text, lists and tuples, `count` times.
Value repeated(Run& run, const Value& value, std::int64_t count) {
  const std::size_t times = count > 0 ? static_cast<std::size_t>(count) : 0;
  // Of a text its bytes, and its pieces unless all copies are one piece.
  const bool has_pieces = value.is_text() && value.as_text().pieces().size() > 1;
  const std::size_t size = !value.is_text() ? value.items().size()
                           : has_pieces     ? value.as_text().memory_bytes()
                                            : value.as_text().size();
  if (size != 0 && times > run.limits().allocated_bytes_max / size) return run.fail("a value is repeated too often");
  if (!run.allocate(size * times)) return {};
  if (value.is_text()) {
    Text text;
    for (std::size_t i = 0; size != 0 && i < times; ++i) {
      if (!run.step()) return {};
      text.append(value.as_text());
    }
    return run.make_text(std::move(text));
  }
  if (!run.allocate(size * times * sizeof(Value))) return {};
  std::vector<Value> items;
  items.reserve(size * times);
  for (std::size_t i = 0; size != 0 && i < times; ++i)
    items.insert(items.end(), value.items().begin(), value.items().end());
  return run.make_sequence(value.kind(), std::move(items));
}

bool can_be_repeated(const Value& value) {
  return value.is_text() || value.is(Kind::kList) || value.is(Kind::kTuple);
}

Value concatenated(Run& run, const Value& a, const Value& b) {
  if (a.is_text()) {
    if (!run.allocate(a.as_text().memory_bytes() + b.as_text().memory_bytes())) return {};
    Text text = a.as_text();
    text.append(b.as_text());
    return run.make_text(std::move(text));
  }
  if (!run.allocate((a.items().size() + b.items().size()) * sizeof(Value))) return {};
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return run.make_sequence(a.kind(), std::move(items));
}

}  // namespace

Value apply(Run& run, BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return apply_to_ints(run, op, a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) return apply_to_floats(run, op, a.as_float(), b.as_float());
  if (op == BinaryOperator::kModulo && a.is_text()) return percent_format(run, a.as_text(), b);
  if (op == BinaryOperator::kAdd && a.kind() == b.kind() && can_be_repeated(a)) return concatenated(run, a, b);
  if (op == BinaryOperator::kMultiply && can_be_repeated(a) && b.is_integral()) return repeated(run, a, b.as_int());
  if (op == BinaryOperator::kMultiply && a.is_integral() && can_be_repeated(b)) return repeated(run, b, a.as_int());
  if (a.is_undefined()) return run.fail(a.why_undefined());
  if (b.is_undefined()) return run.fail(b.why_undefined());
  return run.fail("operator " + std::string(symbol(op)) + " does not take '" + std::string(type_name(a)) + "' and '" +
                  std::string(type_name(b)) + "'");
}

Value negated(Run& run, const Value& value) {
  if (value.is(Kind::kFloat)) return Value::of_float(-value.as_float());
  if (value.is_integral()) {
    return value.as_int() == INT64_MIN ? too_large(run) : Value::of_int(-value.as_int());
  }
  if (value.is_undefined()) return run.fail(value.why_undefined());
  return run.fail("operator - does not take '" + std::string(type_name(value)) + "'");
}

Value with_plus_sign(Run& run, const Value& value) {
  if (value.is(Kind::kFloat)) return value;
  if (value.is_integral()) return Value::of_int(value.as_int());
  if (value.is_undefined()) return run.fail(value.why_undefined());
  return run.fail("operator + does not take '" + std::string(type_name(value)) + "'");
}

}  // namespace sluice::jinja
