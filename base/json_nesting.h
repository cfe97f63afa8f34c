// How deep JSON text nests, found in one pass before anything is made of it: a parser that is asked at every level does
// work for all siblings at each of them, and whoever walks or destroys a deep tree may run out of stack.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

// The most brackets and braces that are open at once. Of text that is no JSON it means nothing; no parser takes that.
std::size_t json_nesting(std::string_view json);

}  // namespace sluice
