// The program `sluice`: finds the verb and leaves the rest to its file.

#include <csignal>

#include <CLI/CLI.hpp>

#include "cli/verbs.h"

namespace {

using sluice::cli::ExitCode;

using AddVerb = void (*)(CLI::App& app, ExitCode& exit_code);

// In the order of --help. A new verb is one line here, one in verbs.h and a file.
constexpr AddVerb kVerbs[] = {
    sluice::cli::add_plan,     sluice::cli::add_schema,  sluice::cli::add_serve,  sluice::cli::add_worker,
    sluice::cli::add_generate, sluice::cli::add_chat,    sluice::cli::add_load,   sluice::cli::add_top,
    sluice::cli::add_status,   sluice::cli::add_inspect, sluice::cli::add_replay, sluice::cli::add_keygen,
};

constexpr const char* kFooter = R"(
Examples:
  sluice plan configs/two-processes.toml        what the topology resolves to
  sluice schema                                 what a topology file may say
  sluice serve configs/two-processes.toml       run it
  sluice generate -p "Once upon a time"         one request to a running engine
  sluice chat                                   a conversation with it
  sluice load --rate 20                         20 requests a second, and what became of them
  sluice top                                    what it does, live
  sluice status                                 who runs which stage of it, and what it lacks
  sluice inspect run.rec                        what a recording holds
  sluice replay run.rec --verify                send it again, and compare the answers

Exit codes:
  0    done
  1    the engine or the request failed
  2    wrong usage
  3    'status': the engine answers, and some replica of it is not up
  69   no engine answers, or it cannot take the request now: try again
  78   the topology file, or the model it names, is wrong
  130  interrupted by Ctrl-C

'sluice VERB --help' explains the flags of a verb.)";

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away is an error of the stream, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app("Sluice serves large language models as a pipeline of actors.", "sluice");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", SLUICE_VERSION);
  ExitCode exit_code = sluice::cli::kExitOk;
  for (const AddVerb add_verb : kVerbs) add_verb(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? sluice::cli::kExitOk : sluice::cli::kExitUsage;
  }
  return exit_code;
}
