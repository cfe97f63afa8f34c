// What | does: x | trim, x | tojson(indent=4), x | selectattr('type', 'equalto', 'text').
//
// Filters that are generators in Jinja (map, select, ...) do all their work at once here, and give an iterator: it runs
// once and has no length, as there, and what is wrong shows when somebody takes from it.
#pragma once

#include <span>
#include <string_view>

#include "pipeline/text/jinja/operation.h"

namespace sluice::jinja {

// Null: there is no such filter.
const Operation* find_filter(std::string_view name);

// The parts of the table, each in a file of its own.
std::span<const Operation> text_filters();
std::span<const Operation> number_filters();
std::span<const Operation> sequence_filters();
std::span<const Operation> selection_filters();

// A filter that is a generator.
template <Value (*kFilter)(Run&, const Value&, const Bound&)>
Value lazily(Run& run, const Value& subject, const Bound& arguments) {
  const Value made = kFilter(run, subject, arguments);
  if (!run.has_failed()) return made;
  auto error = run.take_error();
  return error ? Value::of_failing_iterator(std::move(*error)) : Value();
}

// str(value) as a value; a text stays as it is.
Value text_of(Run& run, const Value& value);

}  // namespace sluice::jinja
