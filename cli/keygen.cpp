// sluice keygen NAME: a key pair for a head, a worker or a client.

#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/verbs.h"
#include "transport/curve/key_file.h"

namespace sluice::cli {
namespace {

struct KeygenOptions {
  std::string name;
  std::string directory = ".";
};

ExitCode run(const KeygenOptions& options) {
  const Result<transport::KeyPair> pair = transport::write_new_key_files(options.directory, options.name);
  if (!pair.ok()) return report(pair.error());
  // As it stands in NAME.pub, for the allow-list.
  std::cout << "public " << transport::to_z85(pair->public_key) << ' ' << options.name << std::endl;
  return std::cout.good() ? kExitOk : kExitFailure;
}

}  // namespace

void add_keygen(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("keygen", "Make a key pair for encrypted links");
  const auto options = std::make_shared<KeygenOptions>();
  verb->add_option("NAME", options->name, "Of whom the key is: a worker's name in the topology file, or any other")
      ->required();
  verb->add_option("--out", options->directory, "Folder for the two files")->capture_default_str();
  verb->footer(R"text(
Writes NAME.key (the secret key, for its owner's eyes alone) and NAME.pub, and prints the public key. Files that exist
are not touched. docs/SECURITY.md says which file goes where.

Examples:
  sluice keygen head
  sluice keygen worker-a && echo "worker $(cat worker-a.pub)" >> authorized_keys
  sluice keygen alice    && echo "client $(cat alice.pub)"    >> authorized_keys)text");
  verb->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace sluice::cli
