#include "cli/key_options.h"

#include <utility>

#include <CLI/CLI.hpp>

#include "transport/curve/key_file.h"

namespace sluice::cli {

void add_key_options(CLI::App& verb, KeyOptions& options, const std::string& group) {
  auto* key = verb.add_option("--key", options.key_file, "Your secret key, for an engine that encrypts")->group(group);
  verb.add_option("--server-key", options.server_key_file, "The engine's public key, unless the address names it")
      ->needs(key)
      ->group(group);
}

Result<ClientKeys> read_keys(const KeyOptions& options) {
  ClientKeys keys;
  if (options.key_file.empty()) return keys;
  auto own = transport::read_key_file(options.key_file);
  if (!own.ok()) return std::move(own).error();
  keys.keys = std::make_shared<const transport::KeyPair>(std::move(*own));
  if (options.server_key_file.empty()) return keys;
  const auto server = transport::read_public_key_file(options.server_key_file);
  if (!server.ok()) return server.error();
  keys.server_key = *server;
  return keys;
}

}  // namespace sluice::cli
