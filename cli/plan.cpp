// sluice plan FILE: what a topology file resolves to, or why it cannot run.

#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/verbs.h"
#include "pipeline/model/model_config.h"
#include "pipeline/topology/plan.h"
#include "pipeline/topology/topology_parser.h"

namespace sluice::cli {
namespace {

ExitCode run_plan(const std::string& file) {
  const Result<topology::Topology> topology = topology::load_topology(file);
  if (!topology.ok()) {
    report(topology.error());
    return kExitBadConfig;  // Whatever is wrong, a file that is not there included.
  }
  const Result<ModelConfig> model = load_model_config(topology->model.path);
  if (!model.ok()) return report(model.error());
  const Result<topology::Plan> plan = topology::make_plan(*topology, *model);
  if (!plan.ok()) return report(plan.error());
  std::cout << topology::render_plan(*plan) << std::flush;
  return std::cout.good() ? kExitOk : kExitFailure;
}

}  // namespace

void add_plan(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("plan", "Show what a topology file resolves to, or why it cannot run");
  const auto file = std::make_shared<std::string>();
  verb->add_option("FILE", *file, "Topology file (TOML)")->required();
  verb->footer(R"(
Prints the stages with their layers, places, bytes of weights and KV cache, and the links with their credits.
Reads the model's config.json, not its weights. Exits with 78 where the file cannot run.

Example:
  sluice plan configs/two-processes.toml)");
  verb->callback([file, &exit_code] { exit_code = run_plan(*file); });
}

}  // namespace sluice::cli
