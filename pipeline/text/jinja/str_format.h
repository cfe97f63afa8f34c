// str.format(): {} {0} {name} {0.attribute[item]}, with !s and !r, without format specifications.
#pragma once

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

Value format_with_fields(Run& run, const Text& format, const Arguments& arguments);

}  // namespace sluice::jinja
