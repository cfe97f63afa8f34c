// Regular expressions of tokenizer.json to PCRE2's syntax.
//
// They are written for Oniguruma (Ruby's syntax, UTF-8). Most constructs mean the same in PCRE2; those that do not are
// either rewritten or refused, so that nothing is matched with another meaning than the model was trained with:
//   \s and \S   become Unicode's White_Space (PCRE2 counts U+180E in)
//   \w and \W   become Oniguruma's word characters (PCRE2's lack marks and joining punctuation)
//   \p{Han}     becomes \p{sc:han}: the script alone, without its extensions
//   \uHHHH      becomes \x{HHHH}
//   refused     \b \h \v \xHH and other escapes, nested classes and &&, {,n} and {n,m}+, (*...), groups
//               other than (...) (?:...) (?i:...) (?>...) and look-around
// ^ and $ hold at every line in Oniguruma: the result is for PCRE2_MULTILINE.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice {

// kModelLoadFailed, naming the construct. Says nothing about what PCRE2 itself will refuse.
Result<std::string> to_pcre2_syntax(std::string_view pattern);

}  // namespace sluice
