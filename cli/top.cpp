// sluice top: what a running engine does, drawn from its metrics again and again.

#include <poll.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/verbs.h"
#include "top/frame.h"
#include "top/metrics_address.h"
#include "top/watch.h"

namespace sluice::cli {
namespace {

struct TopOptions {
  std::string address = "http://127.0.0.1:9464/metrics";
  double interval_s = 1;
  double window_s = 5;
  bool once = false;
  std::size_t columns = 110;
};

// Two scrapes, a window apart.
ExitCode print_once(const TopOptions& options, const top::HttpSource& source, top::Scrape first) {
  const SteadyClock clock;
  const int window_ms = static_cast<int>(options.window_s * 1000);
  ::poll(nullptr, 0, window_ms);
  const auto second = top::scrape(source, clock);
  if (!second) return report(second.error());
  const top::View view = top::make_view(top::Window(&first, *second));
  const auto frame = top::make_frame(view, source.address().to_string(), "", {.columns = options.columns, .rows = 0});
  std::cout << top::paint_text(frame, options.columns) << std::flush;
  return std::cout.good() ? kExitOk : kExitFailure;
}

ExitCode run_top(const TopOptions& options) {
  const auto address = top::parse_metrics_address(options.address);
  if (!address) {
    report(address.error());
    return kExitUsage;
  }
  const auto source = top::HttpSource::resolve(*address);
  if (!source) return report(source.error());
  const SteadyClock clock;
  auto first = top::scrape(*source, clock);
  if (!first) return report(first.error());
  if (options.once || isatty(STDOUT_FILENO) != 1) return print_once(options, *source, *std::move(first));

  auto terminal = top::Terminal::open();
  if (!terminal) return report(terminal.error());
  const top::WatchOptions watch_options = {.interval = seconds_of(options.interval_s),
                                           .window = seconds_of(options.window_s),
                                           .look = top::look_of_terminal()};
  const auto end = top::watch(*source, watch_options, *terminal, *std::move(first));
  if (!end) return report(end.error());
  return *end == top::LiveEnd::kInterrupted ? kExitInterrupted : kExitOk;
}

constexpr const char* kFooter = R"(
Rates and quantiles cover the last --window seconds; the engine's figures are up to a second old. 'q' or Ctrl-C ends it.
Where standard output is no terminal, it is as with --once. NO_COLOR in the environment is honoured.

Of a stage: busy (|) is computing, bubble (.) is waiting although the engine has work. Of a link: stalled is the time in
which a message waited for credit. docs/METRICS.md says what the figures mean.

Exit code 69 if no engine answers at the start; later on it is asked again until it does.

Examples:
  sluice top
  sluice top --connect 127.0.0.1:9464 --interval 0.5
  sluice top --once --window 2 | grep -A3 ^stage)";

}  // namespace

void add_top(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("top", "Watch what a running engine does");
  const auto options = std::make_shared<TopOptions>();
  verb->add_option("--connect", options->address,
                   "Where the engine's metrics are: the line 'metrics' of 'sluice serve'")
      ->capture_default_str();
  verb->add_option("--interval", options->interval_s, "Seconds from one picture to the next")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  verb->add_option("--window", options->window_s, "Seconds that rates and quantiles cover")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  verb->add_flag("--once", options->once, "One picture as plain text, after one window, and no more");
  verb->add_option("--columns", options->columns, "Width of that picture")
      ->check(CLI::Range(std::size_t{20}, std::size_t{1000}))
      ->capture_default_str();
  verb->footer(kFooter);
  verb->callback([options, &exit_code] { exit_code = run_top(*options); });
}

}  // namespace sluice::cli
