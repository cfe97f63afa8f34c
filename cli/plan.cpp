// sluice plan FILE: what a topology file resolves to, or why it cannot run.

#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/load_plan.h"
#include "cli/verbs.h"

namespace sluice::cli {
namespace {

ExitCode run_plan(const TopologySource& source) {
  const Result<topology::Plan> plan = load_plan(source);
  if (!plan.ok()) return report(plan.error());
  std::cout << topology::render_plan(*plan) << std::flush;
  return std::cout.good() ? kExitOk : kExitFailure;
}

}  // namespace

void add_plan(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("plan", "Show what a topology file resolves to, or why it cannot run");
  const auto source = std::make_shared<TopologySource>();
  add_topology_options(*verb, *source);
  verb->footer(R"(
Prints the stages with their layers, places, bytes of weights and KV cache, and the links with their credits.
Reads the model's config.json, not its weights. Exits with 78 where the file cannot run.

Examples:
  sluice plan configs/two-processes.toml
  sluice plan configs/two-stages.toml --set stage.0.layers=0-3 --set stage.1.layers=4-5)");
  verb->callback([source, &exit_code] { exit_code = run_plan(*source); });
}

}  // namespace sluice::cli
