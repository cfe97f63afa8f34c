#include "cli/load_plan.h"

#include "pipeline/model/model_config.h"
#include "pipeline/topology/topology_parser.h"

namespace sluice::cli {

Result<topology::Plan> load_plan(const std::string& file) {
  const Result<topology::Topology> topology = topology::load_topology(file);
  if (!topology.ok()) return Error{ErrorCode::kInvalidConfig, topology.error().message};
  const Result<ModelConfig> model = load_model_config(topology->model.path);
  if (!model.ok()) return model.error();
  return topology::make_plan(*topology, *model);
}

}  // namespace sluice::cli
