// A plan as a graph and as data: what `sluice plan --dot` and `--json` print. The same plan gives the same text.
#pragma once

#include <string>

#include "pipeline/topology/plan.h"

namespace sluice::topology {

// Graphviz: actors are nodes in clusters by host and process, links are edges with transport and credits.
std::string render_plan_dot(const Plan& plan);

// One JSON object, ending in a newline; bytes and nanoseconds are whole numbers.
std::string render_plan_json(const Plan& plan);

}  // namespace sluice::topology
