// The keys of a topology file described: for editors and checkers as a JSON Schema, for people as a table. Both are
// drawn from what the reader knows (topology_shape()), so they cannot miss a key.
//
// Source:  JSON Schema, draft 2020-12.
#pragma once

#include <string>

#include "pipeline/topology/value_shape.h"

namespace sluice::topology {

// One JSON object. What a schema cannot say (layers without gap, ranks that divide heads) is left to `sluice plan`.
std::string render_json_schema(const TableShape& file);

// The rows of docs/TOPOLOGY.md, in Markdown: table, key, what it takes, default, meaning.
std::string render_key_table(const TableShape& file);

}  // namespace sluice::topology
