// What `is` asks: x is defined, x is string, x is in [...].
#pragma once

#include <span>
#include <string_view>

#include "pipeline/text/jinja/operation.h"

namespace sluice::jinja {

// Null: there is no such test. Each gives a bool.
const Operation* find_test(std::string_view name);

}  // namespace sluice::jinja
