// By which keys the head knows its workers: who said hello with which, and whom workers let in to their stages.
//
// Plain where the head has no keys, or its control link is not encrypted: then everything is permitted nothing told.
// Owns:    the keys of present workers. Confined: the supervisor's thread.
// Errors:  kInvalidConfig: a worker whose key speaks for another name; peers_to_tell(): a list that cannot be read.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/head_security.h"
#include "base/messages/control.h"

namespace sluice::actors {

class WorkerKeys {
 public:
  WorkerKeys() = default;
  // `security` may go; the files it names have to stay while workers are started.
  WorkerKeys(const HeadSecurity& security, bool is_encrypted);

  bool is_on() const { return is_on_; }

  // `peer`: what the control socket says of the connection (RouterSocket::Incoming).
  Result<void> take_hello(const std::string& worker, const std::string& peer);
  std::optional<transport::PublicKey> key_of(const std::string& worker) const;

  // The flags by which a spawned worker finds its keys.
  std::vector<std::string> launch_arguments(const std::string& worker) const;
  Result<PeerKeys> peers_to_tell() const;

 private:
  bool is_on_ = false;
  std::filesystem::path allow_list_;
  std::filesystem::path public_key_file_;
  std::map<std::string, SpawnedKey> spawned_;
  transport::AuthorizedKeys own_peers_;
  std::map<std::string, transport::PublicKey> present_;
};

}  // namespace sluice::actors
