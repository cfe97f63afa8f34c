// Three hosts (network namespaces) with CURVE between them, from the shipped topology file and keys of `sluice keygen`.
#include <doctest/doctest.h>
#include <signal.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/e2e/engine_under_test.h"
#include "tests/e2e/network_hosts.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

constexpr int kHead = 0;
constexpr int kWorkerA = 1;
constexpr int kWorkerB = 2;

struct Outcome {
  int exit_code = 0;
  std::string output;
};

// The head's folder with the shipped file, keys of everybody, and the list.
class Cluster {
 public:
  Cluster() : hosts_(3) {
    std::ifstream shipped(source_path("configs/workers-on-hosts-curve.toml"));
    std::string toml(std::istreambuf_iterator<char>(shipped), {});
    const std::string model = "../examples/models/" + std::string(kDemoModel);
    toml.replace(toml.find(model), model.size(), model_path().string());
    folder_.write("topology.toml", toml);
    for (const char* name : {"head", "worker-a", "worker-b", "alice", "stranger"}) {
      Program keygen({"keygen", name, "--out", folder_.path().string()});
      lines_.push_back(keygen.rest());
      REQUIRE(keygen.wait() == 0);
    }
    authorize({"worker-a", "worker-b", "alice"});
  }

  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }

  // Nobody else.
  void authorize(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
      std::ifstream key(file(name + ".pub"));
      text += name.starts_with("worker") ? "worker " : "client ";
      text += std::string(std::istreambuf_iterator<char>(key), {});
    }
    folder_.write("authorized_keys", text);
  }

  Program serve() { return start(kHead, {"serve", "--log-level", "warn", file("topology.toml")}); }
  Program worker(int host, const std::string& name, const std::vector<std::string>& keys) {
    std::vector<std::string> arguments = {"worker",      "--connect", "tcp://10.0.0.1:5550", "--name", name,
                                          "--log-level", "warn"};
    arguments.insert(arguments.end(), keys.begin(), keys.end());
    return start(host, arguments);
  }
  std::vector<std::string> keys_of(const std::string& name) const {
    return {"--key", file(name + ".key"), "--head-key", file("head.pub")};
  }
  // A client on the host of worker-a.
  Outcome generate(const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"generate", "--connect", "tcp://10.0.0.1:5555", "-q", "--connect-timeout-ms",
                                          "60000"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return end_of(start(kWorkerA, arguments));
  }
  Outcome end_of(Program program) {
    Outcome outcome;
    outcome.output = program.rest();
    outcome.exit_code = program.wait();
    return outcome;
  }

 private:
  Program start(int host, const std::vector<std::string>& arguments) {
    return Program(hosts_.on(host, arguments), true, "ip");
  }

  NetworkHosts hosts_;
  TemporaryFolder folder_;
  std::vector<std::string> lines_;
};

bool mentions(const Outcome& outcome, const std::string& part) {
  return outcome.output.find(part) != std::string::npos;
}

// All cases of the golden file, greedy, asked by alice.
void check_golden(Cluster& cluster) {
  std::ifstream file(golden_path());
  for (const auto& entry : nlohmann::json::parse(file)) {
    const std::vector<TokenId> expected = entry["greedy"];
    std::vector<std::string> flags = {"-p",
                                      entry["text"],
                                      "--greedy",
                                      "-n",
                                      std::to_string(expected.size()),
                                      "--ignore-eos",
                                      "--parse-special-tokens",
                                      "--token-ids",
                                      "--key",
                                      cluster.file("alice.key"),
                                      "--server-key",
                                      cluster.file("head.pub")};
    if (!entry["add_special_tokens"]) flags.push_back("--no-special-tokens");
    const Outcome outcome = cluster.generate(flags);
    CAPTURE(outcome.output);
    CHECK(outcome.exit_code == 0);
    std::istringstream ids(outcome.output);
    CHECK(std::vector<TokenId>(std::istream_iterator<TokenId>(ids), {}) == expected);
  }
}

void check_clients_refused(Cluster& cluster) {
  const std::vector<std::string> request = {"-p", "Once", "-n", "4"};
  const auto ask = [&](const std::vector<std::string>& keys) {
    std::vector<std::string> flags = request;
    flags.insert(flags.end(), keys.begin(), keys.end());
    return cluster.generate(flags);
  };
  const Outcome stranger = ask({"--key", cluster.file("stranger.key"), "--server-key", cluster.file("head.pub")});
  CHECK(stranger.exit_code == 78);
  CHECK(mentions(stranger, "refuses us: our key is not on its list"));
  const Outcome plain = ask({});
  CHECK(plain.exit_code == 78);
  CHECK(mentions(plain, "refuses us: it takes encrypted connections only"));
  cluster.authorize({"worker-a", "worker-b"});
  const Outcome revoked = ask({"--key", cluster.file("alice.key"), "--server-key", cluster.file("head.pub")});
  CHECK(revoked.exit_code == 78);
  CHECK(mentions(revoked, "refuses us: our key is not on its list"));
  cluster.authorize({"worker-a", "worker-b", "alice"});
}

void check_workers_refused(Cluster& cluster) {
  const Outcome stranger = cluster.end_of(cluster.worker(kWorkerB, "worker-b", cluster.keys_of("stranger")));
  CHECK(stranger.exit_code == 78);
  CHECK(mentions(stranger, "refuses us: our key is not on its list"));
  const Outcome plain = cluster.end_of(cluster.worker(kWorkerB, "worker-b", {"--insecure"}));
  CHECK(plain.exit_code == 78);
  CHECK(mentions(plain, "refuses us: it takes encrypted connections only"));
  const Outcome careful = cluster.end_of(cluster.worker(kWorkerB, "worker-b", {}));
  CHECK(careful.exit_code == 78);
  CHECK(mentions(careful, "address 'tcp://10.0.0.3:*': refuses to listen beyond loopback without keys"));
  const Outcome other = cluster.end_of(cluster.worker(kWorkerB, "worker-b", cluster.keys_of("worker-a")));
  CHECK(other.exit_code == 78);
  CHECK(mentions(other, "the key is that of 'worker-a', not of 'worker-b'"));
}

TEST_SUITE("e2e/hosts") {
  TEST_CASE("three hosts with CURVE: the golden tokens, and wrong, missing and revoked keys are refused") {
    if (const std::string hindrance = NetworkHosts::hindrance(); !hindrance.empty()) {
      MESSAGE("skipped: no network namespaces here: " << hindrance);
      return;
    }
    Cluster cluster;
    Program head = cluster.serve();
    REQUIRE(head.line_starting("ingress tcp://10.0.0.1:5555#curve=").has_value());
    Program worker_a = cluster.worker(kWorkerA, "worker-a", cluster.keys_of("worker-a"));
    {
      Program worker_b = cluster.worker(kWorkerB, "worker-b", cluster.keys_of("worker-b"));
      REQUIRE(head.line_starting("ready").has_value());
      check_golden(cluster);
      check_clients_refused(cluster);
      check_workers_refused(cluster);
      check_golden(cluster);
    }
    REQUIRE(head.line_starting("down ").has_value());
    cluster.authorize({"worker-a", "alice"});
    const Outcome revoked = cluster.end_of(cluster.worker(kWorkerB, "worker-b", cluster.keys_of("worker-b")));
    CHECK(revoked.exit_code == 78);
    CHECK(mentions(revoked, "refuses us: our key is not on its list"));
    cluster.authorize({"worker-a", "worker-b", "alice"});
    Program again = cluster.worker(kWorkerB, "worker-b", cluster.keys_of("worker-b"));
    REQUIRE(head.line_starting("ready").has_value());
    check_golden(cluster);
    head.signal(SIGINT);
    CHECK(head.wait() == 0);
  }
}

}  // namespace
}  // namespace sluice::test
