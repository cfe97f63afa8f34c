#include "actors/worker_keys.h"

#include "transport/curve/authenticator.h"

namespace sluice::actors {

WorkerKeys::WorkerKeys(const HeadSecurity& security, bool is_encrypted)
    : is_on_(security.keys != nullptr && is_encrypted),
      allow_list_(security.allow_list),
      public_key_file_(security.public_key_file),
      spawned_(security.spawned),
      own_peers_(security.own_peers()) {}

Result<void> WorkerKeys::take_hello(const std::string& worker, const std::string& peer) {
  if (!is_on_) return {};
  const auto identity = transport::peer_from_string(peer);
  if (!identity || identity->name != worker) {
    return Error{ErrorCode::kInvalidConfig, "the key is that of '" + (identity ? identity->name : std::string()) +
                                                "', not of '" + worker.substr(0, 64) + "'"};
  }
  present_[worker] = identity->key;
  return {};
}

std::optional<transport::PublicKey> WorkerKeys::key_of(const std::string& worker) const {
  const auto found = present_.find(worker);
  return found == present_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> WorkerKeys::launch_arguments(const std::string& worker) const {
  const auto found = spawned_.find(worker);
  if (!is_on_ || found == spawned_.end()) return {};
  return {"--key", found->second.file.string(), "--head-key", public_key_file_.string()};
}

Result<PeerKeys> WorkerKeys::peers_to_tell() const {
  auto list = transport::read_authorized_keys(allow_list_);
  if (!list.ok()) return std::move(list).error();
  PeerKeys keys;
  for (const auto& [key, owner] : own_peers_) keys.peers.push_back({owner.name, key.bytes});
  for (const auto& [key, owner] : *list) {
    if (owner.role == transport::KeyRole::kWorker) keys.peers.push_back({owner.name, key.bytes});
  }
  return keys;
}

}  // namespace sluice::actors
