// Upper, lower and title case as Python's str has them: Unicode's full mappings ("ß" becomes "SS").
//
// Trust follows each character. Time is linear in the text.
#pragma once

#include "pipeline/text/jinja/text.h"

namespace sluice::jinja {

Text to_upper(const Text& text);
Text to_lower(const Text& text);
Text to_swapped_case(const Text& text);

// str.capitalize(): the first character in title case, the rest in lower case.
Text to_capitalized(const Text& text);

// str.title(): each run of cased letters begins in title case, and goes on in lower case.
Text to_title(const Text& text);

bool is_cased(char32_t code_point);
bool is_upper(char32_t code_point);
bool is_lower(char32_t code_point);
bool is_title(char32_t code_point);

}  // namespace sluice::jinja
