// A template's source to its tree.
//
// Errors: kModelLoadFailed, naming line and construct: "line 12: unknown filter 'foo'". include, import, extends and
//         block need other templates, which a chat template does not have, and are refused by name.
#pragma once

#include <string_view>

#include "base/error.h"
#include "pipeline/text/jinja/syntax.h"

namespace sluice::jinja {

// `source` is valid UTF-8.
Result<Block> parse(std::string_view source);

}  // namespace sluice::jinja
