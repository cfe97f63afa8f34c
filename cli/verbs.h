// The verbs of the program `sluice`, one file each, and what they have in common: exit codes and error reports.
#pragma once

#include "base/clock.h"
#include "base/error.h"

namespace CLI {
class App;
}

namespace sluice::cli {

// Scripts depend on these: documented in --help, tested in tests/cli.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,       // The engine or a request failed.
  kExitUsage = 2,         // Unknown verbs and flags, values that are no numbers.
  kExitNotUp = 3,         // `status`: the engine answers, and some replica of it is not up.
  kExitUnavailable = 69,  // No engine answers, or it cannot take the request at the moment: try again. (EX_UNAVAILABLE)
  kExitBadConfig = 78,    // The topology file or the model it names. (EX_CONFIG)
  kExitInterrupted = 130,  // Ctrl-C.
};

ExitCode exit_code_of(const Error& error);

// Prints "sluice: code: sentence" to standard error; returns the exit code that goes with it.
ExitCode report(const Error& error);

// Of a flag.
Duration seconds_of(double seconds);

// Each adds a verb with its flags, whose callback runs it and leaves its exit code in `exit_code`, which outlives
// `app`.
void add_plan(CLI::App& app, ExitCode& exit_code);
void add_schema(CLI::App& app, ExitCode& exit_code);
void add_serve(CLI::App& app, ExitCode& exit_code);
void add_worker(CLI::App& app, ExitCode& exit_code);
void add_generate(CLI::App& app, ExitCode& exit_code);
void add_chat(CLI::App& app, ExitCode& exit_code);
void add_load(CLI::App& app, ExitCode& exit_code);
void add_inspect(CLI::App& app, ExitCode& exit_code);
void add_replay(CLI::App& app, ExitCode& exit_code);
void add_top(CLI::App& app, ExitCode& exit_code);
void add_status(CLI::App& app, ExitCode& exit_code);
void add_keygen(CLI::App& app, ExitCode& exit_code);

}  // namespace sluice::cli
