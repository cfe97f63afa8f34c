#include "cli/load_plan.h"

#include <CLI/CLI.hpp>

#include "pipeline/model/model_config.h"
#include "pipeline/topology/topology_parser.h"

namespace sluice::cli {

void add_topology_options(CLI::App& verb, TopologySource& source) {
  verb.add_option("FILE", source.file, "Topology file (TOML)")->required();
  verb.add_option("--set", source.overrides, "A value of the file said anew: KEY=VALUE, such as stage.0.layers=0-3")
      ->take_all();
}

Result<topology::Plan> load_plan(const TopologySource& source) {
  const Result<topology::Topology> topology = topology::load_topology(source.file, source.overrides);
  if (!topology.ok()) return Error{ErrorCode::kInvalidConfig, topology.error().message};
  const Result<ModelConfig> model = load_model_config(topology->model.path);
  if (!model.ok()) return model.error();
  return topology::make_plan(*topology, *model);
}

}  // namespace sluice::cli
