// Runs the program itself: what it prints, and the exit codes that scripts depend on. What needs an engine is tested
// with the engine (engine_verbs_test.cpp).

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <unistd.h>

#include "tests/cli/program.h"
#include "tests/support/paths.h"
#include "tests/support/temp_directory.h"

namespace sluice {
namespace {

using test::Outcome;

// Splits at blanks.
Outcome run(const std::string& line) {
  std::istringstream words(line);
  return test::run_program({std::istream_iterator<std::string>(words), {}});
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A topology file of its own for one test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content)
      : path_(std::filesystem::temp_directory_path() / ("sluice-cli-test-" + std::to_string(getpid()) + ".toml")) {
    std::ofstream(path_) << content;
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::filesystem::remove(path_); }

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST_SUITE("cli/program") {
  TEST_CASE("help: lists the verbs, examples and exit codes") {
    const Outcome outcome = run("--help");
    CHECK(outcome.exit_code == 0);
    for (const char* part : {"plan", "serve", "worker", "generate", "chat", "Examples:", "78 ", "69 ", "130 "})
      CHECK(contains(outcome.out, part));
  }

  TEST_CASE("help: every verb has its own with an example") {
    for (const std::string verb : {"plan", "serve", "worker", "generate", "chat", "keygen"}) {
      const Outcome outcome = run(verb + " --help");
      CHECK(outcome.exit_code == 0);
      CHECK(contains(outcome.out, "  sluice " + verb));
    }
  }

  TEST_CASE("version: is printed") {
    CHECK(run("--version").exit_code == 0);
  }

  TEST_CASE("usage: unknown verbs and flags, and missing arguments, exit with 2") {
    for (const char* arguments :
         {"", "fly", "plan", "plan a b", "plan --wings x", "generate", "generate -p x --top-k y"}) {
      CAPTURE(arguments);
      CHECK(run(arguments).exit_code == 2);
    }
  }

  TEST_CASE("keygen: writes a pair, prints the public key, and never overwrites one") {
    const test::TempDirectory folder;
    const std::vector<std::string> arguments = {"keygen", "alice", "--out", folder.path().string()};
    const Outcome made = test::run_program(arguments);
    CHECK(made.exit_code == 0);
    std::ifstream file(folder.path() / "alice.pub");
    CHECK(made.out == std::string(std::istreambuf_iterator<char>(file), {}));
    CHECK(made.out.starts_with("public "));
    const Outcome again = test::run_program(arguments);
    CHECK(again.exit_code == 78);
    CHECK(contains(again.err, "alice.key: File exists"));
    CHECK(run("keygen ../alice").exit_code == 78);
  }

  TEST_CASE("plan: prints a plan and exits with 0") {
    const Outcome outcome = test::run_program({"plan", test::source_path("configs/three-processes-tcp.toml").string()});
    CHECK(outcome.exit_code == 0);
    CHECK(contains(outcome.out, "spawn:middle/cpu:0"));
    CHECK(contains(outcome.out, "stage 1    -> stage 2    tcp"));
  }

  TEST_CASE("plan: prints a graph or JSON, not both") {
    const std::string file = test::source_path("configs/two-by-two.toml").string();
    CHECK(test::run_program({"plan", file, "--dot"}).out.starts_with("digraph sluice {\n"));
    CHECK(test::run_program({"plan", file, "--json"}).out.starts_with("{\n  \"model\": {"));
    CHECK(test::run_program({"plan", file, "--dot", "--json"}).exit_code == 2);
  }

  TEST_CASE("plan: every file in configs can run") {
    for (const auto& entry : std::filesystem::directory_iterator(test::source_path("configs"))) {
      if (entry.path().extension() != ".toml") continue;
      CAPTURE(entry.path());
      CHECK(test::run_program({"plan", entry.path().string()}).exit_code == 0);
    }
  }

  TEST_CASE("plan: a file that is not there exits with 78") {
    const Outcome outcome = run("plan none.toml");
    CHECK(outcome.exit_code == 78);
    CHECK(contains(outcome.err, "cannot read the topology file 'none.toml'"));
  }

  TEST_CASE("plan: a mistake in the file exits with 78 and names line, column and the nearest key") {
    const TemporaryFile file("[model]\npath = 'm'\ndtyp = 'f32'\n");
    const Outcome outcome = test::run_program({"plan", file.path()});
    CHECK(outcome.exit_code == 78);
    CHECK(contains(outcome.err, file.path() + ":3:1: unknown key 'dtyp' in [model]; the nearest known key is 'dtype'"));
  }

  TEST_CASE("plan: a model that is not there exits with 78 and names the place of its path") {
    const TemporaryFile file("[model]\npath = 'no-such-model'\n[[stage]]\nlayers = '0'\n");
    const Outcome outcome = test::run_program({"plan", file.path()});
    CHECK(outcome.exit_code == 78);
    CHECK(contains(outcome.err, file.path() + ":2:8: [model] path 'no-such-model' is no directory"));
  }

  TEST_CASE("plan: stages that do not fit the model exit with 78") {
    const TemporaryFile file("[model]\npath = '" + test::source_path("examples/models/storyteller-llama").string() +
                             "'\n[[stage]]\nlayers = '0-6'\n");
    const Outcome outcome = test::run_program({"plan", file.path()});
    CHECK(outcome.exit_code == 78);
    CHECK(contains(outcome.err, "stage 0 has layers 0-6, but the model's last layer is 5"));
  }

  TEST_CASE("generate and chat: without an engine exit with 69") {
    for (const std::string verb : {"generate -p x", "chat"}) {
      const Outcome outcome = run(verb + " --connect ipc:///nonexistent/sluice --connect-timeout-ms 20");
      CHECK(outcome.exit_code == 69);
      CHECK(contains(outcome.err, "sluice: transport_lost: "));
    }
  }

  TEST_CASE("generate: with --json a failure is an object on standard output") {
    const Outcome outcome = run("generate -p x --json --connect ipc:///nonexistent/sluice --connect-timeout-ms 20");
    CHECK(contains(outcome.out, R"({"type":"failed","code":"transport_lost",)"));
  }

  TEST_CASE("generate: an address of another kind exits with 78") {
    CHECK(run("generate -p x --connect http://127.0.0.1").exit_code == 78);
  }
}

}  // namespace
}  // namespace sluice
