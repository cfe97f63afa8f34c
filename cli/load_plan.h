// From the path of a topology file to a Plan: what `plan` prints and `serve` runs.
#pragma once

#include <string>

#include "base/error.h"
#include "pipeline/topology/plan.h"

namespace sluice::cli {

// Errors: kInvalidConfig for whatever is wrong with the file, one that is not there included; kModelLoadFailed for the
// model's config.json.
Result<topology::Plan> load_plan(const std::string& file);

}  // namespace sluice::cli
