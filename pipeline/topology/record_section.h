// The keys of [record].
#pragma once

#include <vector>

#include "pipeline/topology/config_schema.h"
#include "pipeline/topology/topology.h"

namespace sluice::topology {

std::vector<Field<RecordTopology>> record_fields();

}  // namespace sluice::topology
