// From the TOML text of a topology file (docs/TOPOLOGY.md) to a Topology, or to one Error that names file, line,
// column, what is wrong and what would be right. Checks everything that needs no model: keys, types, ranges, addresses,
// layers without gap or overlap, and that the engine does what the file asks for. See make_plan() for the rest.
//
// Errors:  kInvalidConfig throughout; kNotFound where the file cannot be read.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "pipeline/topology/topology.h"
#include "pipeline/topology/value_shape.h"

namespace sluice::topology {

// What is said anew on the command line (config_override.h), in this order.
using Overrides = std::span<const std::string>;

// `file_name` serves messages only; model.path is left as written. Files are limited to kTopologyFileBytesMax.
Result<Topology> parse_topology(std::string_view toml, std::string_view file_name, Overrides overrides = {});

// Reads and parses a file. A relative model.path is looked for beside the file first, then in the current directory; it
// is an error if it is a directory in neither.
Result<Topology> load_topology(const std::filesystem::path& path, Overrides overrides = {});

// Every key of the file, as it is read: its type, range, default and meaning.
TableShape topology_shape();

}  // namespace sluice::topology
