// The methods of strings, lists and mappings. Those that would change a value do not exist here: the sandbox that
// Hugging Face renders in refuses them too.
#pragma once

#include <optional>
#include <string_view>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

// The method of that name, bound to `self`; undefined for one that would change it; absent: there is no such method.
std::optional<Value> find_method(Run& run, const Value& self, std::string_view name);

}  // namespace sluice::jinja
