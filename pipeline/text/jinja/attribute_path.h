// What filters take as `attribute`: "function.name" or 0, looked up step by step.
#pragma once

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

// `value` itself where `path` is null or none.
Value value_at(Run& run, const Value& value, const Value* path);

}  // namespace sluice::jinja
