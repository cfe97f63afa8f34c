// sluice replay REC --to ADDRESS: sends what clients sent, again, and compares what they got.

#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/key_options.h"
#include "cli/verbs.h"
#include "load/replay/replay_driver.h"
#include "load/replay/verify.h"

namespace sluice::cli {
namespace {

struct ReplayOptions {
  std::string file;
  std::string address = "tcp://127.0.0.1:5555";
  KeyOptions keys;
  std::string speed = "1";
  bool verify = false;
  double timeout_s = 30;
  double logprob_tolerance = 0;
  bool json = false;
};

Result<load::ReplaySettings> settings_of(const ReplayOptions& options) {
  load::ReplaySettings settings;
  settings.is_faithful = options.verify;
  settings.timeout = std::chrono::microseconds(static_cast<std::int64_t>(options.timeout_s * 1e6));
  if (options.speed == "max") {
    settings.is_fastest = true;
    return settings;
  }
  const bool is_read = CLI::detail::lexical_cast(options.speed, settings.speed);
  if (!is_read || !(settings.speed >= 1e-3 && settings.speed <= 1e6)) {
    return Error{ErrorCode::kInvalidConfig, "--speed is neither a number from 0.001 to 1000000 nor 'max'"};
  }
  return settings;
}

struct EndCounts {
  std::uint64_t finished = 0;
  std::uint64_t failed = 0;
  std::uint64_t without_end = 0;
};

EndCounts count_ends(const load::ReplayOutcome& outcome) {
  EndCounts counts;
  for (const load::Transcript& answer : outcome.answers) {
    ++(answer.finished ? counts.finished : answer.failed ? counts.failed : counts.without_end);
  }
  return counts;
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void print_text(const load::ReplayScript& script, const load::ReplayOutcome& outcome,
                const load::VerifyReport* verified) {
  const EndCounts ends = count_ends(outcome);
  std::cout << "sent        " << outcome.sent << " messages in " << seconds(outcome.elapsed) << " s";
  if (outcome.resent > 0) std::cout << ", " << outcome.resent << " of them again after a refusal";
  if (outcome.unsent > 0) std::cout << "; " << outcome.unsent << " steps were never due";
  std::cout << "\nrequests    " << script.requests.size() << " (finished " << ends.finished << ", failed "
            << ends.failed << ", without end " << ends.without_end << ")\n";
  if (script.lost_messages > 0) std::cout << "recording   lacks " << script.lost_messages << " messages\n";
  if (outcome.has_timed_out) std::cout << "timed out   some answers did not come\n";
  if (verified == nullptr) return;
  std::cout << "compared    " << verified->equal << " equal, " << verified->equal_so_far << " equal as far as both go, "
            << verified->different << " different, " << verified->not_compared << " without a recorded result\n";
  if (verified->different > 0) std::cout << "difference  " << verified->first_difference << '\n';
}

void print_json(const load::ReplayScript& script, const load::ReplayOutcome& outcome,
                const load::VerifyReport* verified) {
  const EndCounts ends = count_ends(outcome);
  nlohmann::ordered_json json = {{"sent", outcome.sent},
                                 {"unsent", outcome.unsent},
                                 {"resent", outcome.resent},
                                 {"elapsed_s", seconds(outcome.elapsed)},
                                 {"requests", script.requests.size()},
                                 {"finished", ends.finished},
                                 {"failed", ends.failed},
                                 {"without_end", ends.without_end},
                                 {"lost_messages", script.lost_messages},
                                 {"timed_out", outcome.has_timed_out}};
  if (verified != nullptr) {
    json["verify"] = {{"equal", verified->equal},
                      {"equal_so_far", verified->equal_so_far},
                      {"not_compared", verified->not_compared},
                      {"different", verified->different},
                      {"first_difference", verified->first_difference}};
  }
  std::cout << json.dump() << '\n';
}

ExitCode run_replay_verb(const ReplayOptions& options) {
  const std::atomic<bool>& interrupted = interrupt_flag();
  const auto settings = settings_of(options);
  if (!settings.ok()) {
    report(settings.error());
    return kExitUsage;
  }
  auto reader = transport::RecordingReader::open(options.file);
  if (!reader.ok()) return report(reader.error());
  if (options.verify && !reader->header().has_responses) {
    return report({ErrorCode::kInvalidRequest,
                   "the recording lacks what clients got: for --verify, [record] links needs \"responses\""});
  }
  const auto script = load::read_script(*reader);
  if (!script.ok()) return report(script.error());
  auto keys = read_keys(options.keys);
  if (!keys.ok()) return report(keys.error());
  const load::ReplayTarget target{options.address, std::move(keys->keys), keys->server_key};
  const auto outcome = load::run_replay(*script, *reader, target, *settings, options.verify, interrupted);
  if (!outcome.ok()) return interrupted ? kExitInterrupted : report(outcome.error());
  load::VerifyReport verified;
  if (options.verify) verified = load::verify(*script, outcome->answers, {options.logprob_tolerance});
  (options.json ? print_json : print_text)(*script, *outcome, options.verify ? &verified : nullptr);
  std::cout.flush();
  if (outcome->is_interrupted) return kExitInterrupted;
  if (outcome->loss) return report(*outcome->loss);
  if (options.verify && !verified.is_proof()) return kExitFailure;
  return std::cout.good() && !outcome->has_timed_out ? kExitOk : kExitFailure;
}

}  // namespace

void add_replay(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("replay", "Send a recording's messages to an engine, and compare the answers");
  const auto options = std::make_shared<ReplayOptions>();
  verb->add_option("REC", options->file, "The recording")->required();
  verb->add_option("--to,--connect", options->address, "Address of the engine")->capture_default_str();
  add_key_options(*verb, options->keys, "Options");
  verb->add_option("--speed", options->speed, "So many times as fast, or 'max': as fast as the answers come")
      ->capture_default_str();
  auto* verify =
      verb->add_flag("--verify", options->verify, "Compare tokens, log-probabilities and ends with the recorded ones");
  verb->add_option("--logprob-tolerance", options->logprob_tolerance,
                   "Log-probabilities may differ by so much; for tensor-parallel stages")
      ->check(CLI::Range(0.0, 1e3))
      ->needs(verify);
  verb->add_option("--timeout", options->timeout_s, "Seconds without any news after which no more is waited for")
      ->check(CLI::Range(1e-3, 86400.0))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "The report as one JSON object");
  verb->footer(R"(
Each recorded connection is one of the replay's. Seeds and sessions that the recorded engine drew are put in. With
--verify (and --speed max) a message also waits for what its client had seen when it sent it. What is compared and what
may differ: docs/RECORDING.md.

Exit code 1 on a difference, if nothing could be compared, or if answers did not come; 69 if the engine is not there.

Examples:
  sluice replay run.rec --to tcp://127.0.0.1:5555 --speed max --verify
  sluice replay run.rec --speed 2)");
  verb->callback([options, &exit_code] { exit_code = run_replay_verb(*options); });
}

}  // namespace sluice::cli
