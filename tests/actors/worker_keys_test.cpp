// The keys of the head and of the workers that it starts, and by which it knows workers.
#include "actors/worker_keys.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "actors/route_to_head.h"
#include "pipeline/model/model_config.h"
#include "pipeline/topology/topology_parser.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"
#include "transport/curve/authenticator.h"
#include "transport/curve/key_file.h"

namespace sluice::actors {
namespace {

struct Fixture {
  test::TempDirectory folder;
  transport::KeyPair head = transport::write_new_key_files(folder.path(), "head").value();
  transport::PublicKey worker = transport::generate_key_pair()->public_key;
  topology::Plan plan = make_plan("two-processes.toml");

  Fixture() { write_list("worker public " + transport::to_z85(worker) + " worker-a\n"); }

  void write_list(const std::string& text) { folder.write("authorized_keys", text); }

  topology::Plan make_plan(const std::string& file) const {
    auto topology = topology::load_topology(test::source_path("configs/" + file));
    REQUIRE(topology.ok());
    topology->security = {.key = (folder.path() / "head.key").string(),
                          .allow = (folder.path() / "authorized_keys").string(),
                          .local = true};
    const auto model = load_model_config(topology->model.path);
    REQUIRE(model.ok());
    return topology::make_plan(*topology, *model).value();
  }
};

TEST_SUITE("actors/worker_keys") {
  TEST_CASE_FIXTURE(Fixture, "spawned workers get fresh keys in a folder that only we can read, gone with the engine") {
    std::filesystem::path file;
    {
      const auto security = HeadSecurity::create(plan);
      REQUIRE(security.ok());
      CHECK(security->keys->public_key == head.public_key);
      REQUIRE(security->spawned.size() == 1);
      const auto& [name, spawned] = *security->spawned.begin();
      file = spawned.file;
      using std::filesystem::perms;
      CHECK(std::filesystem::status(file).permissions() == (perms::owner_read | perms::owner_write));
      CHECK(std::filesystem::status(file.parent_path()).permissions() == perms::owner_all);
      CHECK(transport::read_key_file(file)->public_key == spawned.key);
      const WorkerKeys keys(*security, true);
      CHECK(keys.launch_arguments(name) ==
            std::vector<std::string>{"--key", file.string(), "--head-key", security->public_key_file.string()});
      CHECK(transport::read_public_key_file(security->public_key_file).value() == head.public_key);
      CHECK(keys.launch_arguments("worker-a").empty());
      const auto peers = keys.peers_to_tell();
      REQUIRE(peers.ok());
      CHECK(peers->peers.size() == 3);  // The head, the spawned one, worker-a.
    }
    CHECK_FALSE(std::filesystem::exists(file));
  }

  TEST_CASE_FIXTURE(Fixture, "a key speaks for one worker's name") {
    WorkerKeys keys(*HeadSecurity::create(plan), true);
    const std::string peer = to_string(transport::PeerIdentity{worker, "worker-a"});
    CHECK(keys.take_hello("worker-a", peer).ok());
    CHECK(keys.key_of("worker-a") == worker);
    const auto refused = keys.take_hello("worker-b", peer);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message == "the key is that of 'worker-a', not of 'worker-b'");
    CHECK_FALSE(keys.take_hello("worker-a", "").ok());
    CHECK_FALSE(keys.key_of("worker-b").has_value());
  }

  TEST_CASE_FIXTURE(Fixture, "without keys everybody is welcome and nothing is told") {
    WorkerKeys keys;
    CHECK_FALSE(keys.is_on());
    CHECK(keys.take_hello("anyone", "").ok());
    CHECK(keys.launch_arguments("anyone").empty());
  }

  TEST_CASE_FIXTURE(Fixture, "what cannot be used is said at the start: list, key, their absence") {
    write_list("worker public nonsense worker-a\n");
    auto security = HeadSecurity::create(plan);
    REQUIRE_FALSE(security.ok());
    CHECK(security.error().message.ends_with("authorized_keys:1: the key is no Z85 of 40 characters (it has 8)"));
    std::filesystem::remove(folder.path() / "authorized_keys");
    CHECK_FALSE(HeadSecurity::create(plan).ok());
    std::filesystem::remove(folder.path() / "head.key");
    security = HeadSecurity::create(plan);
    REQUIRE_FALSE(security.ok());
    CHECK(security.error().code == ErrorCode::kInvalidConfig);
  }

  TEST_CASE("a worker finds the address by which it reaches the head") {
    CHECK(own_address_toward("tcp://127.0.0.1:5550").value() == "127.0.0.1");
    CHECK_FALSE(own_address_toward("tcp://no-such-host.invalid:5550").ok());
    CHECK_FALSE(own_address_toward("ipc:///run/x").ok());
  }
}

}  // namespace
}  // namespace sluice::actors
