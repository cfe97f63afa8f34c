// Encrypted links on one host, the program itself: who is served, who is refused, and what serve refuses to begin.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/e2e/engine_under_test.h"
#include "transport/curve/key_file.h"

namespace sluice::test {
namespace {

using transport::KeyPair;

// Keys for a head, a client and a worker, and the list that has the latter two.
struct Keys {
  TemporaryFolder folder;
  std::shared_ptr<const KeyPair> alice = make("alice");
  std::shared_ptr<const KeyPair> stranger = make("stranger");

  Keys() {
    make("head");
    make("worker-a");
    write_list({"client alice", "worker worker-a"});
  }

  std::shared_ptr<const KeyPair> make(const std::string& name) const {
    return std::make_shared<const KeyPair>(transport::write_new_key_files(folder.path(), name).value());
  }
  std::string file(const std::string& name) const { return (folder.path() / name).string(); }
  // Of "ROLE NAME".
  void write_list(const std::vector<std::string>& entries) const {
    std::string text;
    for (const std::string& entry : entries) {
      const std::string name = entry.substr(entry.find(' ') + 1);
      const auto key = transport::read_public_key_file(file(name + ".pub"));
      text += entry.substr(0, entry.find(' ')) + " public " + to_z85(*key) + " " + name + "\n";
    }
    folder.write("authorized_keys", text);
  }
  std::string table(const std::string& links) const {
    return "[security]\nkey = \"" + file("head.key") + "\"\nallow = \"" + file("authorized_keys") +
           "\"\nlinks = " + links + "\n";
  }
};

Result<transport::Client> connect(const EngineUnderTest& engine, std::shared_ptr<const KeyPair> keys) {
  transport::ClientOptions options;
  options.connect_timeout = kPatience;
  options.keys = std::move(keys);
  return transport::Client::connect(engine.ingress(), options);
}

std::vector<TokenId> tokens_of(transport::Client& client) {
  const Answer answer = generate(client, greedy("r", "Once upon a time", 24));
  if (answer.error) FAIL(to_string(*answer.error));
  return answer.ids;
}

std::vector<TokenId> plain_tokens() {
  EngineUnderTest engine(TopologyText{});
  auto client = engine.connect();
  return tokens_of(client);
}

struct Outcome {
  int exit_code = 0;
  std::string output;
};
Outcome run(const std::vector<std::string>& arguments) {
  Program program(arguments, true);
  Outcome outcome;
  outcome.output = program.rest();
  outcome.exit_code = program.wait();
  return outcome;
}

bool mentions(const Outcome& outcome, const std::string& part) {
  return outcome.output.find(part) != std::string::npos;
}

std::string endpoint_of(const std::string& address) {
  return address.substr(0, address.find('#'));
}

TEST_SUITE("e2e/security") {
  TEST_CASE(
      "all links of this host encrypted, spawned workers with keys of their own: the same tokens, refusals are "
      "counted and harm nobody") {
    const Keys keys;
    TopologyText topology;
    topology.stages = {{"0-1", "head/cpu:0"}, {"2-3", "spawn/cpu:0"}, {"4-5", "spawn/cpu:0"}};
    topology.tables = keys.table("\"all\"");
    EngineUnderTest engine(topology);
    auto alice = connect(engine, keys.alice);
    REQUIRE(alice.ok());
    CHECK(tokens_of(*alice) == plain_tokens());

    const auto stranger = connect(engine, keys.stranger);
    REQUIRE_FALSE(stranger.ok());
    CHECK(stranger.error().code == ErrorCode::kInvalidConfig);
    CHECK(stranger.error().message.ends_with("refuses us: our key is not on its list"));
    keys.write_list({"worker worker-a"});
    CHECK_FALSE(connect(engine, keys.alice).ok());
    // Who is connected stays: libzmq cannot end one connection. docs/SECURITY.md says so.
    CHECK(tokens_of(*alice) == plain_tokens());
    engine.check_metrics({{"sluice_keys_checked_total{link=\"ingress\",outcome=\"admitted\"}", 1},
                          {"sluice_keys_checked_total{link=\"ingress\",outcome=\"refused\"}", 2},
                          {"sluice_keys_checked_total{link=\"control\",outcome=\"refused\"}", 0},
                          {"sluice_handshakes_failed_total{link=\"ingress\"}", 2}});
  }

  TEST_CASE("clients by the program's flags: with the key it is served, without or with another it is told why") {
    const Keys keys;
    TopologyText topology;
    topology.tables = keys.table("[\"ingress\"]");
    EngineUnderTest engine(topology);
    const std::string endpoint = endpoint_of(engine.ingress());
    const std::vector<std::string> request = {"generate", "-p", "Once", "-q", "--greedy", "-n", "4", "--connect"};
    const auto ask = [&](const std::string& address, const std::vector<std::string>& flags) {
      std::vector<std::string> arguments = request;
      arguments.push_back(address);
      arguments.insert(arguments.end(), flags.begin(), flags.end());
      return run(arguments);
    };
    CHECK(ask(endpoint, {"--key", keys.file("alice.key"), "--server-key", keys.file("head.pub")}).exit_code == 0);
    CHECK(ask(engine.ingress(), {"--key", keys.file("alice.key")}).exit_code == 0);
    const Outcome plain = ask(endpoint, {});
    CHECK(plain.exit_code == 78);
    CHECK(mentions(plain, "refuses us: it takes encrypted connections only"));
    const Outcome worker = ask(engine.ingress(), {"--key", keys.file("worker-a.key")});
    CHECK(worker.exit_code == 78);
    CHECK(mentions(worker, "refuses us: our key is not on its list"));
    const Outcome misled = ask(endpoint, {"--key", keys.file("alice.key"), "--server-key", keys.file("alice.pub"),
                                          "--connect-timeout-ms", "300"});
    CHECK(misled.exit_code == 69);
    CHECK(mentions(misled, "handshakes broke off (is its public key the right one?)"));
    CHECK(mentions(ask(engine.ingress(), {"--key", keys.file("alice.pub")}), "alice.pub"));
    CHECK(run({"load", "--connect", engine.ingress(), "--key", keys.file("alice.key"), "--requests", "4", "--closed",
               "2", "--output-tokens", "4", "-q"})
              .exit_code == 0);
  }

  TEST_CASE("workers: with its key it serves, but another name, another role, no key and a revoked one are refused") {
    const Keys keys;
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "worker-a/cpu:0"}};
    topology.tables = keys.table("[\"control\", \"stages\"]");
    EngineUnderTest engine(topology, false);
    const std::string control = endpoint_of(engine.control());
    const auto worker = [&](const std::string& name, const std::vector<std::string>& flags) {
      std::vector<std::string> arguments = {"worker", "--connect", control, "--name", name, "--log-level", "warn"};
      arguments.insert(arguments.end(), flags.begin(), flags.end());
      return arguments;
    };
    const std::vector<std::string> good = {"--key", keys.file("worker-a.key"), "--head-key", keys.file("head.pub")};
    auto client = engine.connect();
    {
      Program running(worker("worker-a", good));
      engine.wait_until_ready();
      CHECK(tokens_of(client) == plain_tokens());

      const Outcome other_role =
          run(worker("worker-a", {"--key", keys.file("alice.key"), "--head-key", keys.file("head.pub")}));
      CHECK(other_role.exit_code == 78);
      CHECK(mentions(other_role, "refuses us: our key is not on its list"));
      const Outcome no_key = run(worker("worker-a", {}));
      CHECK(no_key.exit_code == 78);
      CHECK(mentions(no_key, "refuses us: it takes encrypted connections only"));
      const Outcome other_name = run(worker("worker-b", good));
      CHECK(other_name.exit_code == 78);
      CHECK(mentions(other_name, "the key is that of 'worker-a', not of 'worker-b'"));
      CHECK(tokens_of(client) == plain_tokens());
    }
    REQUIRE(engine.program().line_starting("down ").has_value());
    keys.write_list({"client alice"});
    const Outcome revoked = run(worker("worker-a", good));
    CHECK(revoked.exit_code == 78);
    CHECK(mentions(revoked, "refuses us: our key is not on its list"));
    keys.write_list({"worker worker-a"});
    Program again(worker("worker-a", good));
    engine.wait_until_ready();
    CHECK(tokens_of(client) == plain_tokens());
  }

  TEST_CASE("beyond loopback without keys: serve and worker refuse to start, but for --insecure") {
    const TemporaryFolder folder;
    std::string toml = TopologyText{}.toml();
    toml.replace(toml.find("tcp://127.0.0.1:*"), 17, "tcp://0.0.0.0:*");
    const std::string file = folder.write("wide.toml", toml);
    const Outcome refused = run({"serve", "--log-level", "off", file});
    CHECK(refused.exit_code == 78);
    CHECK(mentions(refused, "address 'tcp://0.0.0.0:*': refuses to listen beyond loopback without keys"));
    CHECK(mentions(refused, "--insecure"));
    Program served({"serve", "--log-level", "off", "--insecure", file});
    CHECK(served.line_starting("ready").has_value());
    const Outcome worker = run({"worker", "--connect", "tcp://127.0.0.1:1", "--name", "a", "--host", "0.0.0.0"});
    CHECK(worker.exit_code == 78);
    CHECK(mentions(worker, "refuses to listen beyond loopback without keys"));
  }

  TEST_CASE("keys that cannot be used: serve says file, line and reason") {
    const Keys keys;
    TopologyText topology;
    topology.tables = keys.table("\"all\"");
    const TemporaryFolder folder;
    const std::string file = folder.write("t.toml", topology.toml());
    keys.folder.write("authorized_keys", "# nobody\nroot public x y\n");
    CHECK(mentions(run({"serve", file}), "authorized_keys:2: begins with neither 'client' nor 'worker'"));
    std::filesystem::permissions(keys.file("head.key"), std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    const Outcome open = run({"serve", file});
    CHECK(open.exit_code == 78);
    CHECK(mentions(open, "head.key is open to others than its owner: chmod 600 it"));
  }
}

}  // namespace
}  // namespace sluice::test
