// JSON text as a value: what messages, tools and variables come as.
//
// Objects keep the order of their keys; of a key that comes twice the last value counts, as in Python.
#pragma once

#include <string_view>

#include "base/error.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

inline constexpr int kJsonDepthMax = 64;
inline constexpr std::size_t kJsonValuesMax = std::size_t{1} << 18;

// kInvalidRequest: malformed, deeper than kJsonDepthMax, more than kJsonValuesMax values, or an integer beyond 64 bits.
// The error begins with `name`.
Result<Value> value_of_json(std::string_view json, std::string_view name, bool is_trusted);

}  // namespace sluice::jinja
