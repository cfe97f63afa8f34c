// The flags by which a client proves who it is to an engine that encrypts, and knows the engine.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "transport/curve/key.h"

namespace CLI {
class App;
}

namespace sluice::cli {

struct KeyOptions {
  std::string key_file;         // Our secret key.
  std::string server_key_file;  // The engine's public key; the address may name it instead ("#curve=...").
};

struct ClientKeys {
  std::shared_ptr<const transport::KeyPair> keys;
  std::optional<transport::PublicKey> server_key;
};

// Adds --key and --server-key; `options` outlives the verb.
void add_key_options(CLI::App& verb, KeyOptions& options, const std::string& group);

// Errors: kInvalidConfig for files that hold no such key.
Result<ClientKeys> read_keys(const KeyOptions& options);

}  // namespace sluice::cli
