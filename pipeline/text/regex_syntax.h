// Regular expressions of tokenizer.json to PCRE2's syntax.
//
// They are written for Oniguruma (Ruby's syntax, UTF-8). Most constructs mean the same in PCRE2; those that do not are
// either rewritten or refused, so that nothing is matched with another meaning than the model was trained with:
//   \s and \S   become Unicode's White_Space (PCRE2 counts U+180E in)
//   \uHHHH      becomes \x{HHHH}
//   refused     \w \b \h \v \xHH and other escapes, ^ and $, nested classes and &&, {,n} and {n,m}+, (*...), groups
//               other than (...) (?:...) (?i:...) (?>...) and look-around
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice {

// kModelLoadFailed, naming the construct. Says nothing about what PCRE2 itself will refuse.
Result<std::string> to_pcre2_syntax(std::string_view pattern);

}  // namespace sluice
