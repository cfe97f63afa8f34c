// Truth, equality, order and membership, as Python has them.
#pragma once

#include <optional>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

bool is_true(const Value& value);

// ==: 1 equals 1.0 and true, a list never equals a tuple, one undefined equals another.
bool equals(Run& run, const Value& a, const Value& b);

// -1, 0 or 1. Absent for what has no order (the rendering has failed), and for NaN (it has not).
std::optional<int> compare(Run& run, const Value& a, const Value& b);

// item in container
bool contains(Run& run, const Value& container, const Value& item);

}  // namespace sluice::jinja
