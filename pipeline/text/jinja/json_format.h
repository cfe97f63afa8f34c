// tojson as Hugging Face has it: Python's json.dumps, without the escapes for HTML that Jinja's own tojson makes.
//
// Trust is kept as in python_format.h.
#pragma once

#include <optional>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/text.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

struct JsonStyle {
  bool escapes_non_ascii = false;
  std::optional<Text> indent;  // Of one level; absent: all in one line.
  Text item_separator;
  Text key_separator;
  bool sorts_keys = false;
};

// Fails on what JSON cannot express.
Value to_json(Run& run, const Value& value, const JsonStyle& style);

}  // namespace sluice::jinja
