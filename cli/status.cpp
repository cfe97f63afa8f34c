// sluice status: what a running engine is made of, who runs which stage, and what it lacks.

#include <unistd.h>

#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "cli/verbs.h"
#include "pipeline/status/status_json.h"
#include "pipeline/status/status_table.h"
#include "top/live_screen.h"

namespace sluice::cli {
namespace {

struct StatusOptions {
  std::string address = "http://127.0.0.1:9464/metrics";
  bool watches = false;
  double interval_s = 1;
  bool as_json = false;
};

// Lines that a terminal takes as they are, whatever workers' names and words hold.
std::vector<top::Line> lines_of(const std::string& text) {
  std::vector<top::Line> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back({{line}});
  return lines;
}

class StatusPicture final : public top::LivePicture {
 public:
  explicit StatusPicture(EngineStatus first) : status_(std::move(first)) {}

  Result<void> take(const std::string& answer, bool) override {
    auto status = parse_status_json(answer, clock_.now());
    if (!status) return status.error();
    status_ = *std::move(status);
    return {};
  }

  std::vector<top::Line> draw(const std::string& trouble, const top::TerminalSize&) const override {
    std::vector<top::Line> lines;
    if (!trouble.empty()) lines.push_back({{trouble, top::Style::kBad}});
    for (top::Line& line : lines_of(render_status_table(status_, clock_.now()))) lines.push_back(std::move(line));
    return lines;
  }

 private:
  const SteadyClock clock_;
  EngineStatus status_;
};

Result<EngineStatus> ask(const top::HttpSource& source, const Clock& clock) {
  const auto body = source.get();
  auto status = body ? parse_status_json(*body, clock.now()) : Result<EngineStatus>(body.error());
  if (status) return status;
  Error error = source.explain(status.error(), "engine's status");
  if (error.code == ErrorCode::kTransportLost) error.message += " (no engine runs there, or its metrics are off)";
  return error;
}

ExitCode print(const StatusOptions& options, const EngineStatus& status, TimePoint now) {
  if (options.as_json) {
    std::cout << render_status_json(status, now);
  } else {
    std::cout << top::paint_text(lines_of(render_status_table(status, now)), std::string::npos);
  }
  std::cout << std::flush;
  if (!std::cout.good()) return kExitFailure;
  return status.is_up() ? kExitOk : kExitNotUp;
}

ExitCode run_status(const StatusOptions& options) {
  const auto address = top::parse_metrics_address(options.address);
  if (!address) {
    report(address.error());
    return kExitUsage;
  }
  const auto source = top::HttpSource::resolve(address->of_status());
  if (!source) return report(source.error());
  const SteadyClock clock;
  auto status = ask(*source, clock);
  if (!status) return report(status.error());
  if (!options.watches || isatty(STDOUT_FILENO) != 1) return print(options, *status, clock.now());

  auto terminal = top::Terminal::open();
  if (!terminal) return report(terminal.error());
  StatusPicture picture(*std::move(status));
  const auto end = top::run_live(*source, seconds_of(options.interval_s), top::look_of_terminal(), *terminal, picture);
  if (!end) return report(end.error());
  return *end == top::LiveEnd::kInterrupted ? kExitInterrupted : kExitOk;
}

constexpr const char* kFooter = R"(
Prints a table of replicas (up or down, since when, the epoch, how often it was lost, what it lacks), one of stages (who
has each rank, its state and for how long, memory, losses) and one of the workers that stand by. docs/STATUS.md says
what the fields mean. With --watch it is drawn anew until 'q' or Ctrl-C; where standard output is no terminal, once.

Exit code 0 if every replica is up, 3 if some replica is not, 69 if no engine answers: it has to run with [metrics] on.

Examples:
  sluice status
  sluice status --watch --interval 0.5
  until sluice status > /dev/null 2>&1; do sleep 1; done      wait until all of it is up
  sluice status --json | python3 -m json.tool)";

}  // namespace

void add_status(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("status", "Show who runs which stage of a running engine, and what it lacks");
  const auto options = std::make_shared<StatusOptions>();
  verb->add_option("--connect,--metrics", options->address,
                   "Where the engine's metrics are: the line 'metrics' of 'sluice serve'")
      ->capture_default_str();
  CLI::Option* watch = verb->add_flag("--watch", options->watches, "Draw it anew until Ctrl-C");
  verb->add_option("--interval", options->interval_s, "Seconds from one picture to the next")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str()
      ->needs(watch);
  verb->add_flag("--json", options->as_json, "One JSON object in place of the tables")->excludes(watch);
  verb->footer(kFooter);
  verb->callback([options, &exit_code] { exit_code = run_status(*options); });
}

}  // namespace sluice::cli
