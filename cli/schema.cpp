// sluice schema: what a topology file may say, for editors and checkers.

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/verbs.h"
#include "pipeline/topology/topology_parser.h"
#include "pipeline/topology/topology_schema.h"

namespace sluice::cli {

void add_schema(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("schema", "Print a JSON Schema of topology files");
  const auto as_markdown = std::make_shared<bool>(false);
  verb->add_flag("--markdown", *as_markdown, "The keys as the table of docs/TOPOLOGY.md instead");
  verb->footer(R"(
A JSON Schema (draft 2020-12) of the TOML file: every key with its type, range, default and meaning. Editors that know
TOML (taplo, Even Better TOML) complete and check by it. What a schema cannot say, such as layers without a gap or ranks
that divide heads, 'sluice plan' checks.

Examples:
  sluice schema > topology.schema.json
  echo '#:schema ./topology.schema.json' | cat - my.toml)");
  verb->callback([as_markdown, &exit_code] {
    const topology::TableShape shape = topology::topology_shape();
    std::cout << (*as_markdown ? topology::render_key_table(shape) : topology::render_json_schema(shape)) << std::flush;
    exit_code = std::cout.good() ? kExitOk : kExitFailure;
  });
}

}  // namespace sluice::cli
