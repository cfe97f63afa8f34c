// sluice serve FILE: runs what a topology file describes, until it is told to stop.
//
// Standard output is for programs, a line per event, flushed at once:
//   ingress tcp://127.0.0.1:5555      where clients connect; behind "#curve=" the engine's public key, if it encrypts
//   control tcp://127.0.0.1:5550      where workers connect, if the topology has any
//   metrics http://127.0.0.1:9464/metrics    where metrics are scraped, unless the topology says "off"
//   ready                             requests are taken (again)
//   down SENTENCE                     a stage was lost; requests are refused until the next `ready`
// Standard error is for people: the log, and the progress of loading.

#include <iostream>
#include <memory>
#include <string>

#include <unistd.h>
#include <CLI/CLI.hpp>

#include "actors/engine.h"
#include "cli/interrupt.h"
#include "cli/load_plan.h"
#include "cli/log_setup.h"
#include "cli/verbs.h"

namespace sluice::cli {
namespace {

struct ServeOptions {
  TopologySource source;
  LogOptions log;
  std::uint32_t drain_ms = 30'000;
  bool allow_insecure = false;
};

// How far loading is, as a line of the terminal that rewrites itself; nothing where standard error is no terminal.
// Lines of the log erase it (log_setup.cpp), and it comes again below them.
class ProgressLine {
 public:
  void show(const actors::EngineReport& report) {
    if (!is_terminal_ || report.bytes_total == 0) return;
    const std::uint64_t percent = 100 * report.bytes_done / report.bytes_total;
    if (percent == percent_) return;
    percent_ = percent;
    std::cerr << kEraseLine;
    if (percent < 100) std::cerr << "loading weights " << percent << " %";
    std::cerr << std::flush;
  }

  void clear() {
    if (percent_ < 100) std::cerr << kEraseLine << std::flush;
    percent_ = 100;
  }

 private:
  bool is_terminal_ = isatty(STDERR_FILENO) == 1;
  std::uint64_t percent_ = 100;
};

ExitCode drain(actors::Engine& engine, std::uint32_t drain_ms) {
  std::atomic<bool>& interrupted = interrupt_flag();
  interrupted = false;
  std::cerr << "draining: waiting for requests that are running (Ctrl-C again: stop now)\n";
  if (engine.drain(std::chrono::milliseconds(drain_ms), &interrupted)) return kExitOk;
  std::cerr << "stopped with requests still running\n";
  return kExitInterrupted;
}

ExitCode run_serve(const ServeOptions& options) {
  const Log log("sluice", options.log);
  std::atomic<bool>& interrupted = interrupt_flag();
  const Result<topology::Plan> plan = load_plan(options.source);
  if (!plan.ok()) return report(plan.error());
  auto engine = actors::Engine::start(*plan, {.worker_log_level = options.log.level,
                                              .worker_log_format = options.log.format,
                                              .allow_insecure = options.allow_insecure});
  if (!engine.ok()) return report(engine.error());
  std::cout << "ingress " << (*engine)->ingress_address() << '\n';
  if (!(*engine)->control_address().empty()) std::cout << "control " << (*engine)->control_address() << '\n';
  if (!(*engine)->metrics_url().empty()) std::cout << "metrics " << (*engine)->metrics_url() << '\n';
  std::cout << std::flush;

  bool has_been_up = false;
  ProgressLine progress;
  while (!interrupted) {
    const auto news = (*engine)->next_report(std::chrono::milliseconds(200));
    if (!news) continue;
    switch (news->kind) {
      case actors::EngineReport::Kind::kProgress: progress.show(*news); break;
      case actors::EngineReport::Kind::kUp:
        has_been_up = true;
        std::cout << "ready" << std::endl;
        break;
      case actors::EngineReport::Kind::kDown: std::cout << "down " << news->error.message << std::endl; break;
      case actors::EngineReport::Kind::kLoadFailed:
        progress.clear();
        if (!has_been_up) return report(news->error);
        break;
    }
  }
  progress.clear();
  return drain(**engine, options.drain_ms);
}

}  // namespace

void add_serve(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("serve", "Run the engine that a topology file describes");
  const auto options = std::make_shared<ServeOptions>();
  add_topology_options(*verb, options->source);
  add_log_options(*verb, options->log);
  verb->add_option("--drain-ms", options->drain_ms, "How long Ctrl-C waits for running requests")
      ->capture_default_str();
  verb->add_flag("--insecure", options->allow_insecure,
                 "Listen beyond loopback without keys: whoever reaches the addresses can use and read everything");
  verb->footer(R"(
Prints "ingress ADDRESS" first, "metrics URL", and "ready" once requests are taken. Stages on host "spawn" are started
as processes of their own; stages on a named worker wait for `sluice worker`. Ctrl-C (SIGINT, SIGTERM) refuses new
requests and ends when the running ones are done; a second one ends at once.

Examples:
  sluice serve configs/two-processes.toml
  sluice serve configs/named-worker.toml & sluice worker --connect tcp://127.0.0.1:5550 --name worker-a)");
  verb->callback([options, &exit_code] { exit_code = run_serve(*options); });
}

}  // namespace sluice::cli
