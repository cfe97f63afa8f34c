// sluice worker: runs stages for a head elsewhere.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "actors/worker.h"
#include "cli/interrupt.h"
#include "cli/log_setup.h"
#include "cli/verbs.h"

namespace sluice::cli {
namespace {

struct WorkerFlags {
  actors::WorkerOptions worker;
  LogOptions log;
};

ExitCode run(const WorkerFlags& flags) {
  const Log log(flags.worker.name, flags.log);
  std::atomic<bool>& interrupted = interrupt_flag();
  const Result<void> ended = actors::run_worker(flags.worker, interrupted);
  return ended.ok() ? kExitOk : report(ended.error());
}

}  // namespace

void add_worker(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("worker", "Run stages for an engine's head, in a process of their own");
  const auto flags = std::make_shared<WorkerFlags>();
  verb->add_option("--connect", flags->worker.connect, "The head's control address (printed by serve)")->required();
  verb->add_option("--name", flags->worker.name, "The worker's name in the topology file")->required();
  verb->add_option("--model", flags->worker.model,
                   "Model directory on this machine; default: the topology file's path");
  verb->add_option("--host", flags->worker.host,
                   "Address at which its stages listen; default: that by which it reaches the head");
  auto* key = verb->add_option("--key", flags->worker.key_file, "Its own secret key (sluice keygen)");
  verb->add_option("--head-key", flags->worker.head_key_file, "The head's public key, unless the address names it")
      ->needs(key);
  verb->add_flag("--insecure", flags->worker.allow_insecure,
                 "Listen beyond loopback without keys: whoever reaches the address can read and change what passes");
  add_log_options(*verb, flags->log);
  verb->add_flag("--spawned", flags->worker.is_spawned, "End with the head")->group("");
  verb->footer(R"(
Registers with the head and runs the stages that the topology file gives to its name. Loses nothing but its stages when
the head goes away, and registers again when it is back. Needs the head's model, under the path in the topology file
or --model.

Examples:
  sluice worker --connect tcp://127.0.0.1:5550 --name worker-a
  sluice worker --connect tcp://10.0.0.1:5550 --name worker-a --key worker-a.key --head-key head.pub)");
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace sluice::cli
