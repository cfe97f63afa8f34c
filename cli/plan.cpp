// sluice plan FILE: what a topology file resolves to, or why it cannot run.

#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/load_plan.h"
#include "cli/verbs.h"

namespace sluice::cli {
namespace {

ExitCode run_plan(const std::string& file) {
  const Result<topology::Plan> plan = load_plan(file);
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
