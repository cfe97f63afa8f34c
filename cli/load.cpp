// sluice load --rate 20: offers load to a running engine and reports what became of it.

#include <unistd.h>

#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/interrupt.h"
#include "cli/key_options.h"
#include "cli/verbs.h"
#include "load/driver.h"
#include "load/progress.h"

namespace sluice::cli {
namespace {

constexpr double kSecondsMax = 86400;
constexpr double kLongRunSeconds = 3600;
constexpr const char* kEraseLine = "\r\033[K";

struct LoadOptions {
  load::LoadTarget target{.address = "tcp://127.0.0.1:5555"};
  std::uint32_t connect_timeout_ms = 5000;
  KeyOptions keys;
  std::optional<double> rate;
  std::string steps;
  std::optional<std::uint32_t> closed;
  bool replay = false;
  double speed = 1;
  std::optional<double> duration_s;
  std::optional<std::uint64_t> requests;
  double drain_s = 30;
  std::size_t in_flight_max = load::RunLimits{}.in_flight_max;
  std::string file;
  std::string prompt_tokens = "32..128";
  std::string output_tokens = "16..64";
  bool stop_at_eos = false;
  load::RequestSettings requests_like;
  bool json = false;
  bool quiet = false;
};

load::RunLimits limits_of(const LoadOptions& options) {
  load::RunLimits limits;
  // A number of requests, steps and a recording have an end of their own.
  const bool ends_itself = options.requests || !options.steps.empty() || options.replay;
  limits.duration = seconds_of(options.duration_s.value_or(ends_itself ? kLongRunSeconds : 10));
  if (options.requests) limits.requests_max = *options.requests;
  limits.drain = seconds_of(options.drain_s);
  limits.in_flight_max = options.in_flight_max;
  return limits;
}

Result<load::RequestSettings> request_settings_of(const LoadOptions& options) {
  load::RequestSettings settings = options.requests_like;
  const auto prompt_tokens = load::parse_length_range(options.prompt_tokens);
  if (!prompt_tokens) return prompt_tokens.error();
  const auto output_tokens = load::parse_length_range(options.output_tokens);
  if (!output_tokens) return output_tokens.error();
  settings.prompt_tokens = *prompt_tokens;
  settings.output_tokens = *output_tokens;
  settings.ignore_eos = !options.stop_at_eos;
  return settings;
}

Result<load::Pace> pace_of(const LoadOptions& options, const std::vector<load::RequestRecord>& records) {
  if (options.closed) return load::Pace{.arrivals = {}, .callers = *options.closed};
  if (options.replay) {
    auto times = load::recorded_times(records, options.speed);
    if (!times) return times.error();
    return load::Pace{.arrivals = load::Arrivals::recorded(*std::move(times))};
  }
  std::vector<load::RateStep> steps;
  if (options.rate) {
    steps.push_back({*options.rate, Duration::max()});
  } else {
    auto parsed = load::parse_rate_steps(options.steps);
    if (!parsed) return parsed.error();
    steps = *std::move(parsed);
  }
  return load::Pace{.arrivals = load::Arrivals::poisson(std::move(steps), options.requests_like.seed)};
}

std::string pace_in_words(const LoadOptions& options) {
  std::ostringstream words;
  if (options.rate) words << "Poisson arrivals, " << *options.rate << " requests/s";
  if (!options.steps.empty()) words << "Poisson arrivals in steps, " << options.steps;
  if (options.closed) words << "closed loop of " << *options.closed;
  if (options.replay) words << "recorded arrivals, " << options.speed << " times as fast";
  if (options.target.stalled > 0) words << ", beside " << options.target.stalled << " clients that never read";
  return words.str();
}

// Shows progress where a person looks, on a line that is erased again.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(bool is_quiet) : is_shown_(!is_quiet && isatty(STDERR_FILENO) == 1) {}

  void show(const load::Outcomes& outcomes, std::size_t in_flight, Duration elapsed) {
    if (is_shown_) std::cerr << kEraseLine << line_.next(outcomes, in_flight, elapsed) << std::flush;
  }
  void clear() const {
    if (is_shown_) std::cerr << kEraseLine << std::flush;
  }

 private:
  bool is_shown_;
  load::ProgressLine line_;
};

ExitCode finish(const LoadOptions& options, load::LoadReport result) {
  result.arrivals = pace_in_words(options);
  result.seed = options.requests_like.seed;
  std::cout << (options.json ? load::report_json(result) : load::report_table(result)) << std::flush;
  if (!std::cout.good() || !result.is_balanced()) return kExitFailure;
  if (result.loss) return report(*result.loss);
  return result.is_interrupted ? kExitInterrupted : kExitOk;
}

ExitCode usage(const Error& error) {
  report(error);
  return kExitUsage;
}

ExitCode run_load_verb(const LoadOptions& options) {
  const std::atomic<bool>& interrupted = interrupt_flag();
  std::vector<load::RequestRecord> records;
  if (!options.file.empty()) {
    auto read = load::read_request_file(options.file);
    if (!read) return usage(read.error());
    records = *std::move(read);
  }
  const auto settings = request_settings_of(options);
  if (!settings) return usage(settings.error());
  auto pace = pace_of(options, records);
  if (!pace) return usage(pace.error());
  const load::RunLimits limits = limits_of(options);
  if (pace->callers > limits.in_flight_max) {
    return usage({ErrorCode::kInvalidConfig, "--closed is beyond --max-in-flight"});
  }
  const load::RequestSource source(*settings, std::move(records));

  load::LoadTarget target = options.target;
  target.connect_timeout = std::chrono::milliseconds(options.connect_timeout_ms);
  auto keys = read_keys(options.keys);
  if (!keys) return report(keys.error());
  target.keys = std::move(keys->keys);
  target.server_key = keys->server_key;
  ProgressDisplay display(options.quiet);
  auto result = load::run_load(target, limits, *std::move(pace), source, interrupted,
                               [&](const load::Outcomes& outcomes, std::size_t in_flight, Duration elapsed) {
                                 display.show(outcomes, in_flight, elapsed);
                               });
  display.clear();
  if (!result) return interrupted ? kExitInterrupted : report(result.error());
  return finish(options, *std::move(result));
}

void add_arrival_flags(CLI::App& verb, LoadOptions& options) {
  auto* arrivals = verb.add_option_group("Arrivals", "When requests come (one of them)");
  arrivals->add_option("--rate", options.rate, "Poisson arrivals, so many requests a second on average")
      ->check(CLI::Range(1e-3, load::kRateMax));
  arrivals->add_option("--step", options.steps, "Poisson arrivals whose rate changes: RATE:SECONDS,RATE:SECONDS,...");
  arrivals->add_option("--closed", options.closed, "So many callers, each of whom asks again once it has its answer")
      ->check(CLI::Range(1u, 65536u));
  auto* replay = arrivals->add_flag("--replay", options.replay, "At the time stamps of --file");
  arrivals->require_option(1);
  verb.add_option("--speed", options.speed, "With --replay: so many times as fast")
      ->check(CLI::Range(1e-3, 1e6))
      ->needs(replay);
  verb.add_option("--duration", options.duration_s,
                  "Seconds of sending at most; 10, or 3600 with --requests, --step or --replay")
      ->check(CLI::Range(1e-3, kSecondsMax));
  verb.add_option("--requests", options.requests, "Requests at most; a million if absent")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
  verb.add_option("--drain", options.drain_s, "Seconds to wait for outcomes after the last request")
      ->check(CLI::Range(0.0, kSecondsMax))
      ->capture_default_str();
  verb.add_option("--max-in-flight", options.in_flight_max, "What arrives beyond is counted as unsent")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20))
      ->capture_default_str();
}

void add_request_flags(CLI::App& verb, LoadOptions& options) {
  load::RequestSettings& requests = options.requests_like;
  auto* file = verb.add_option("--file", options.file, "Prompts or lengths: JSON lines, see below");
  verb.get_option_group("Arrivals")->get_option("--replay")->needs(file);
  verb.add_option("--scale", requests.length_scale, "Factor for the file's lengths")
      ->check(CLI::Range(1e-6, 1e3))
      ->capture_default_str()
      ->needs(file);
  verb.add_option("--prompt-tokens", options.prompt_tokens, "Length of prompts, uniform: LEAST..MOST")
      ->capture_default_str();
  verb.add_option("--output-tokens", options.output_tokens, "Length of answers, uniform: LEAST..MOST")
      ->capture_default_str();
  verb.add_option("--vocab", requests.vocab,
                  "Prompts are token ids below this number; if absent, common words, about a token each")
      ->check(CLI::Range(1u, 1u << 30));
  verb.add_flag("--stop-at-eos", options.stop_at_eos, "Let answers end before their length");
  verb.add_option("--seed", requests.seed, "Same seed, same requests at the same times")->capture_default_str();
  verb.add_option("--deadline-ms", requests.deadline_ms, "Time for each request; 0: none")->capture_default_str();
  verb.add_option("--priority", requests.priority, "Of each request, -100 to 100")->check(CLI::Range(-100, 100));
}

constexpr const char* kFooter = R"(
Requests are sent at their times whatever the engine does, and latencies count from these times: a request that had to
wait to be sent has waited. A file has one request a line, {"prompt": "...", "output_length": 40} or
{"input_length": 812, "output_length": 40, "timestamp": 1500}, lengths in tokens, times in ms; it starts over when it
ends. docs/LOAD.md says what the figures mean.

Exit code 1 if a request has no outcome or several; 69 if the engine went away; else 0, whatever the outcomes were.

Examples:
  sluice load --rate 20 --duration 30
  sluice load --closed 16 --requests 500 --vocab 4096 --json
  sluice load --step 10:10,100:10,10:10 --connections 4 --deadline-ms 2000
  sluice load --replay --file trace.jsonl --speed 10 --scale 0.02)";

}  // namespace

void add_load(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("load", "Offer load to a running engine and report what became of it");
  const auto options = std::make_shared<LoadOptions>();
  add_arrival_flags(*verb, *options);
  add_request_flags(*verb, *options);
  verb->add_option("--connect", options->target.address, "Address of the engine")->capture_default_str();
  verb->add_option("--connect-timeout-ms", options->connect_timeout_ms, "How long to wait for an engine to answer")
      ->capture_default_str();
  add_key_options(*verb, options->keys, "Options");
  verb->add_option("--connections", options->target.connections, "Connections, over which requests are spread")
      ->check(CLI::Range(1u, 1024u))
      ->capture_default_str();
  verb->add_flag("--verify-mock", options->target.is_mock,
                 "The engine serves weights = \"mock\": other tokens than the mock's are violations");
  verb->add_option("--stalled", options->target.stalled,
                   "Clients beside them that ask and never read; not in the report")
      ->check(CLI::Range(1u, 1024u));
  verb->add_flag("--json", options->json, "The report as one JSON object");
  verb->add_flag("-q,--quiet", options->quiet, "No progress line");
  verb->footer(kFooter);
  verb->callback([options, &exit_code] { exit_code = run_load_verb(*options); });
}

}  // namespace sluice::cli
