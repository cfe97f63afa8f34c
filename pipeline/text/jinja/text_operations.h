// What Python's str does, on texts that keep their trust: everything here is cutting and joining.
//
// Errors: through Run; the result is then of no use.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/text.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

enum class Side : std::uint8_t { kLeft, kRight, kBoth };

// Without the characters of `characters` at the ends; null: without white space.
Text strip(const Text& text, const Text* characters, Side side);

// str.split() and rsplit(): at white space where `separator` is null. A negative `splits_max` is no limit.
Value split(Run& run, const Text& text, const Text* separator, std::int64_t splits_max, Side from);

// str.splitlines()
std::vector<Text> split_lines(Run& run, const Text& text, bool keeps_ends);

// A negative `count` is no limit. What is put in keeps its own trust.
Value replace(Run& run, const Text& text, const Text& old_part, const Text& new_part, std::int64_t count);

// separator.join(str of each item)
Value join(Run& run, const Text& separator, const std::vector<Value>& items);

// Padded with `fill` to so many characters; the extra space of kBoth goes where Python's center() has it.
Value pad(Run& run, const Text& text, std::int64_t width, const Text& fill, Side side);

// How often `part` is in it, without overlaps.
std::int64_t count_parts(Run& run, const Text& text, const Text& part);

}  // namespace sluice::jinja
