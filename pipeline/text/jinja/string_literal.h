// String literals of templates: Python's escapes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::jinja {

// The value of what is between the quotes. Absent: an escape that stands for no character.
std::optional<std::string> unescape(std::string_view literal);

}  // namespace sluice::jinja
