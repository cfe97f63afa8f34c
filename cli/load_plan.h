// From the path of a topology file, and what --set says anew, to a Plan: what `plan` prints and `serve` runs.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "pipeline/topology/plan.h"

namespace CLI {
class App;
}

namespace sluice::cli {

struct TopologySource {
  std::string file;
  std::vector<std::string> overrides;  // "stage.0.layers=0-3"
};

// FILE and --set.
void add_topology_options(CLI::App& verb, TopologySource& source);

// Errors: kInvalidConfig for whatever is wrong with the file, one that is not there included; kModelLoadFailed for the
// model's config.json.
Result<topology::Plan> load_plan(const TopologySource& source);

}  // namespace sluice::cli
