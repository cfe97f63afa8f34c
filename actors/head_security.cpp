#include "actors/head_security.h"

#include <utility>

#include "transport/curve/key_file.h"

namespace sluice::actors {

Result<HeadSecurity> HeadSecurity::create(const topology::Plan& plan) {
  HeadSecurity security;
  const topology::SecurityTopology& wanted = plan.topology.security;
  if (!wanted.is_on()) return security;
  auto keys = transport::read_key_file(wanted.key);
  if (!keys.ok()) return std::move(keys).error();
  // Read again at every handshake; now only to say at once that it is wrong.
  if (auto list = transport::read_authorized_keys(wanted.allow); !list.ok()) return std::move(list).error();
  security.keys = std::make_shared<const transport::KeyPair>(std::move(*keys));
  security.allow_list = wanted.allow;
  if (!plan.encrypts_control()) return security;
  auto folder = SocketDirectory::create("");
  if (!folder.ok()) return std::move(folder).error();
  const std::filesystem::path path = folder->path();
  security.folder = std::make_unique<SocketDirectory>(std::move(*folder));
  for (const std::string& worker : plan.spawned_workers()) {
    auto pair = transport::write_new_key_files(path, worker);
    if (!pair.ok()) return std::move(pair).error();
    security.spawned.emplace(worker, SpawnedKey{pair->public_key, path / (worker + ".key")});
  }
  security.public_key_file = path / "the_head.pub";
  auto written = transport::write_public_key_file(security.public_key_file, security.keys->public_key, "head");
  if (!written.ok()) return std::move(written).error();
  return security;
}

transport::AuthorizedKeys HeadSecurity::own_peers() const {
  transport::AuthorizedKeys peers;
  if (keys != nullptr) peers.emplace(keys->public_key, transport::KeyOwner{transport::KeyRole::kWorker, "head"});
  for (const auto& [name, spawned_key] : spawned) {
    peers.emplace(spawned_key.key, transport::KeyOwner{transport::KeyRole::kWorker, name});
  }
  return peers;
}

}  // namespace sluice::actors
