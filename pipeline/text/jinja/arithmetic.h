// + - * / // % ** and the signs, as Python has them; integers beyond 64 bits are an error.
#pragma once

#include <cstdint>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

enum class BinaryOperator : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

Value apply(Run& run, BinaryOperator op, const Value& a, const Value& b);
Value negated(Run& run, const Value& value);
Value with_plus_sign(Run& run, const Value& value);

}  // namespace sluice::jinja
