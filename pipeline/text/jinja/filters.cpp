#include "pipeline/text/jinja/filters.h"

#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {

const Operation* find_filter(std::string_view name) {
  for (const auto table : {text_filters(), number_filters(), sequence_filters(), selection_filters()}) {
    if (const Operation* found = find_operation(table, name)) return found;
  }
  return nullptr;
}

Value text_of(Run& run, const Value& value) {
  return value.is_text() ? value : run.make_text(str_of(run, value));
}

}  // namespace sluice::jinja
