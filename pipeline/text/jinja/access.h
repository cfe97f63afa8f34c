// What is inside a value: attributes, items, slices, lengths, iteration, as Jinja's sandbox finds them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

// value.name: a method or attribute first, then an item of that key; undefined where there is neither. An attribute of
// an undefined value is an error.
Value attribute_of(Run& run, const Value& value, const Text& name);

// value[key]: an item first, then an attribute; undefined where there is neither.
Value item_of(Run& run, const Value& value, const Value& key);

// value[start:stop:step]; a bound that is none counts as left out.
Value slice_of(Run& run, const Value& value, const Value& start, const Value& stop, const Value& step);

// Absent, without an error, for what has no length.
std::optional<std::size_t> length_of(const Value& value);

bool is_iterable(const Value& value);

// What a loop over it sees: the characters of a text, the keys of a mapping, nothing of an undefined value. Takes what
// is left of an iterator. Absent: it cannot be iterated, and the rendering has failed.
std::optional<std::vector<Value>> iterate(Run& run, const Value& value);

}  // namespace sluice::jinja
