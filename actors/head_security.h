// What the head has for securing its links, as [security] says: its own key, and fresh ones for the workers that it
// starts.
//
// Owns:    a folder (mode 0700) of key files (mode 0600) for spawned workers; both go with this object.
// Thread:  of its creator.
// Errors:  kInvalidConfig with file and line, for keys and an allow-list that cannot be used.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "actors/socket_directory.h"
#include "pipeline/topology/plan.h"
#include "transport/curve/authorized_keys.h"

namespace sluice::actors {

struct SpawnedKey {
  transport::PublicKey key;
  std::filesystem::path file;  // Of the secret key.
};

struct HeadSecurity {
  std::shared_ptr<const transport::KeyPair> keys;  // Null: everything is plain, and the rest is empty.
  std::filesystem::path allow_list;
  std::map<std::string, SpawnedKey> spawned;  // By worker; where the control link is encrypted.
  std::filesystem::path public_key_file;      // Of the head's key, for them.
  std::unique_ptr<SocketDirectory> folder;

  static Result<HeadSecurity> create(const topology::Plan& plan);

  // Those who need no list: the spawned workers, and the head itself where a process of ours connects to another.
  transport::AuthorizedKeys own_peers() const;
};

}  // namespace sluice::actors
