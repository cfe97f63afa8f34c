// The table [security] of a topology file: keys, allow-list, and which links they protect.
#pragma once

#include <filesystem>
#include <vector>

#include "pipeline/topology/config_schema.h"
#include "pipeline/topology/topology.h"

namespace sluice::topology {

std::vector<Field<SecurityTopology>> security_fields();

// Paths are relative to the folder of the topology file.
void resolve_paths(const std::filesystem::path& folder, SecurityTopology& security);

}  // namespace sluice::topology
