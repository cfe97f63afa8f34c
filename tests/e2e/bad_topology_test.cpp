// `sluice serve` with a topology file that it cannot run, and `sluice generate` without an engine: an exit code for
// programs, a sentence for people.
#include <doctest/doctest.h>

#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

struct Refusal {
  int exit_code = 0;
  std::string output;
};

Refusal run(const std::vector<std::string>& arguments) {
  Program program(arguments, true);
  Refusal refusal;
  refusal.output = program.rest();
  refusal.exit_code = program.wait();
  return refusal;
}

// The output is this one sentence behind "sluice: ".
void check_sentence(const Refusal& refusal, int exit_code, const std::string& sentence) {
  CHECK(refusal.exit_code == exit_code);
  CHECK(refusal.output == "sluice: " + sentence + "\n");
}

std::string topology_with(const std::string& tables) {
  return "[model]\npath = \"" + model_path().string() + "\"\n" + tables;
}

// Serves [model] (lines 1 and 2) and `tables` (from line 3 on).
void check_refused(const std::string& tables, const std::string& place, const std::string& sentence) {
  CAPTURE(tables);
  TemporaryFolder folder;
  const std::string file = folder.write("bad.toml", topology_with(tables));
  check_sentence(run({"serve", file}), 78, "invalid_config: " + file + ":" + place + ": " + sentence);
}

const std::string kStage = "[[stage]]\nlayers = \"0-5\"\n";

TEST_SUITE("e2e/bad_topology") {
  TEST_CASE("unknown keys: line, column and the nearest known name") {
    check_refused("[ingress]\nmax_requets = 3\n" + kStage, "4:1",
                  "unknown key 'max_requets' in [ingress]; the nearest known key is 'max_requests'");
    check_refused("[[stage]]\nlayers = \"0-5\"\nthread = 1\n", "5:1",
                  "unknown key 'thread' in [[stage]]; the nearest known key is 'threads'");
  }

  TEST_CASE("values out of range, of the wrong type or unknown: line, column and what is allowed") {
    check_refused("[ingress]\nmax_requests = 0\n" + kStage, "4:16",
                  "[ingress] max_requests is 0, allowed are 1 to 65536");
    const auto check_mentions = [](const std::string& tables, const std::vector<std::string>& parts) {
      CAPTURE(tables);
      TemporaryFolder folder;
      const std::string file = folder.write("bad.toml", topology_with(tables));
      const Refusal refusal = run({"serve", file});
      CHECK(refusal.exit_code == 78);
      CAPTURE(refusal.output);
      CHECK(refusal.output.starts_with("sluice: invalid_config: " + file + ":"));
      for (const std::string& part : parts) CHECK(refusal.output.find(part) != std::string::npos);
    };
    check_mentions("[ingress]\nmax_requests = \"many\"\n" + kStage, {":4:16:", "max_requests"});
    check_mentions("[kernels]\npath = \"avx3\"\n" + kStage, {":4:8:", "avx3", "avx2"});
    check_mentions("[ingress]\nbind = \"tcp://0.0.0.0\"\n" + kStage, {":4:8:", "0.0.0.0"});
    check_mentions("[batcher]\nkv_cache = \"much\"\n" + kStage, {":4:12:", "much"});
    check_mentions("[batcher]\nblock_tokens = 17\n" + kStage, {":4:16:", "17"});
    check_mentions("[[stage]]\nlayers = \"5-0\"\n", {":4:10:", "5-0"});
    check_mentions("[[stage]]\nlayers = \"0-5\"\nranks = [\"head/gpu:0\"]\n", {":5:", "gpu"});
    check_mentions("[ingress\n", {":3:"});
    check_mentions("\xFF\xFE", {"utf-8"});
    check_mentions("", {"stage"});
  }

  TEST_CASE("layers that are not covered once") {
    check_refused("[[stage]]\nlayers = \"0-2\"\n[[stage]]\nlayers = \"4-5\"\n", "6:10",
                  "stage 1 has layers 4-5, but no stage before it has layers 3");
    check_refused("[[stage]]\nlayers = \"0-3\"\n[[stage]]\nlayers = \"3-5\"\n", "6:10",
                  "stage 1 has layers 3-5, but layer 3 is in an earlier stage: the next layer is 4");
    TemporaryFolder folder;
    const std::string short_of = folder.write("short.toml", topology_with("[[stage]]\nlayers = \"0-4\"\n"));
    check_sentence(run({"serve", short_of}), 78, "invalid_config: no stage has layers 5 of the model's 6");
    const std::string beyond = folder.write("beyond.toml", topology_with("[[stage]]\nlayers = \"0-6\"\n"));
    const Refusal refusal = run({"serve", beyond});
    CHECK(refusal.exit_code == 78);
    CHECK(refusal.output.find("6") != std::string::npos);
  }

  TEST_CASE("files that are not there, and one that is a folder") {
    TemporaryFolder folder;
    for (const std::string& path : {(folder.path() / "none.toml").string(), folder.path().string()}) {
      check_sentence(run({"serve", path}), 78, "invalid_config: cannot read the topology file '" + path + "'");
    }
    const std::string file = folder.write("lost.toml", "[model]\npath = \"no-such-model\"\n" + kStage);
    check_sentence(run({"serve", file}), 78,
                   "invalid_config: " + file +
                       ":2:8: [model] path 'no-such-model' is no directory, neither beside this file nor in the "
                       "current directory");
  }

  TEST_CASE("an address in use: exit code 1, the address in the sentence, and its owner goes on") {
    EngineUnderTest engine({});
    TemporaryFolder folder;
    const std::string tables = "[ingress]\nbind = \"" + engine.ingress() + "\"\n" + kStage;
    const Refusal refusal = run({"serve", folder.write("taken.toml", topology_with(tables))});
    check_sentence(refusal, 1, "address_in_use: cannot bind '" + engine.ingress() + "': Address already in use");
    auto client = engine.connect();
    CHECK(generate(client, greedy("a", "Once", 4)).ids.size() == 4);
  }

  TEST_CASE("a port for metrics in use: exit code 1 and the address in the sentence, without metrics it starts") {
    EngineUnderTest engine({});
    const std::string bind = engine.metrics_url().substr(0, engine.metrics_url().rfind('/'));
    TemporaryFolder folder;
    const std::string tables = "[ingress]\nbind = \"tcp://127.0.0.1:*\"\n" + kStage + "[metrics]\nbind = ";
    const Refusal refusal = run({"serve", folder.write("taken.toml", topology_with(tables + "\"" + bind + "\"\n"))});
    check_sentence(refusal, 1, "address_in_use: cannot bind " + bind + " for metrics: Address already in use");
    Program without({"serve", "--log-level", "warn", folder.write("off.toml", topology_with(tables + "\"off\"\n"))});
    CHECK(without.next_line()->starts_with("ingress "));
    CHECK(without.next_line() == "ready");
  }

  TEST_CASE("generate with nobody listening: exit code 69 and the address") {
    std::string address;
    {
      EngineUnderTest engine(TopologyText{}, false);
      address = engine.ingress();
    }
    const Refusal refusal = run({"generate", "--connect", address, "--connect-timeout-ms", "100", "-p", "Once"});
    check_sentence(refusal, 69, "transport_lost: no engine answers at " + address);
  }

  TEST_CASE("generate: refusals of the engine come with exit code and sentence") {
    EngineUnderTest engine({});
    std::string tale;
    for (int i = 0; i < 400; ++i) tale += "Once upon a time ";
    const Refusal refusal = run({"generate", "--connect", engine.ingress(), "-p", tale});
    CHECK(refusal.exit_code == 1);
    CHECK(refusal.output.starts_with("sluice: prompt_too_long: prompt has "));
  }
}

}  // namespace
}  // namespace sluice::test
