// sluice plan FILE: what a topology file resolves to, or why it cannot run.

#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/load_plan.h"
#include "cli/verbs.h"
#include "pipeline/topology/plan_graph.h"

namespace sluice::cli {
namespace {

struct PlanOptions {
  TopologySource source;
  bool as_dot = false;
  bool as_json = false;
};

ExitCode run_plan(const PlanOptions& options) {
  const Result<topology::Plan> plan = load_plan(options.source);
  if (!plan.ok()) return report(plan.error());
  if (options.as_dot) {
    std::cout << topology::render_plan_dot(*plan);
  } else if (options.as_json) {
    std::cout << topology::render_plan_json(*plan);
  } else {
    std::cout << topology::render_plan(*plan);
  }
  std::cout << std::flush;
  return std::cout.good() ? kExitOk : kExitFailure;
}

}  // namespace

void add_plan(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("plan", "Show what a topology file resolves to, or why it cannot run");
  const auto options = std::make_shared<PlanOptions>();
  add_topology_options(*verb, options->source);
  CLI::Option* dot = verb->add_flag("--dot", options->as_dot, "A graph for Graphviz in place of the tables");
  verb->add_flag("--json", options->as_json, "One JSON object in place of the tables")->excludes(dot);
  verb->footer(R"(
Prints the stages with their layers, places, bytes of weights and KV cache, what each device of each host holds, an
estimate of step times and bubbles, and the links with their credits. Estimates are rough and serve to compare cuts:
docs/TOPOLOGY.md says what they count.
Reads the model's config.json, not its weights. Exits with 78 where the file cannot run.

Examples:
  sluice plan configs/two-processes.toml
  sluice plan configs/two-stages.toml --set stage.0.layers=0-3 --set stage.1.layers=4-5
  sluice plan configs/two-by-two.toml --dot | dot -Tsvg > plan.svg)");
  verb->callback([options, &exit_code] { exit_code = run_plan(*options); });
}

}  // namespace sluice::cli
