// A row in the tables of methods, filters and tests: a name, what it takes, and the function that does it.
#pragma once

#include <span>
#include <string_view>

#include "pipeline/text/jinja/binding.h"
#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

struct Operation {
  std::string_view name;
  Parameters parameters;
  // `subject` is what the method belongs to, or what is filtered or tested.
  Value (*function)(Run& run, const Value& subject, const Bound& arguments);
};

inline const Operation* find_operation(std::span<const Operation> table, std::string_view name) {
  for (const Operation& operation : table) {
    if (operation.name == name) return &operation;
  }
  return nullptr;
}

inline Value perform(Run& run, const Operation& operation, const Value& subject, const Arguments& arguments) {
  const auto bound = bind(run, operation.name, operation.parameters, arguments);
  return bound ? operation.function(run, subject, *bound) : Value();
}

}  // namespace sluice::jinja
