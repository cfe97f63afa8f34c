// One value of a topology file, said anew on the command line: "stage.0.layers=0-3", "ingress.max_requests=8",
// "stage.1.ranks=['head/cpu:0', 'head/cpu:0']".
//
// Before the "=" are keys, and places in lists counted from 0; tables that are not there are made, a list grows by its
// next place. Behind it is a TOML value, or text without quotes: so it is read where it replaces a text, or is no TOML.
//
// Errors:  kInvalidConfig, naming the file and the number of the --set: a path that leads nowhere. What a value may be
//          is for the reader of the file to say, as of any other.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "pipeline/topology/config_document.h"

namespace sluice::topology {

// `number` counts from 1. Changes `root`, which is a table.
Result<void> apply_override(std::string_view file_name, std::string_view text, std::uint32_t number, ConfigNode& root);

}  // namespace sluice::topology
