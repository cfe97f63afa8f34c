// Our renderings against those of Python's jinja2, which differential.py compares.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "tests/support/paths.h"

namespace sluice {
namespace {

// A path between quotes for the shell.
std::string quoted(const std::filesystem::path& path) {
  return "'" + path.string() + "'";
}

TEST_SUITE("pipeline/text/jinja/differential") {
  TEST_CASE("differential: conversations, expressions and small templates render as with jinja2") {
    const auto folder = test::source_path("tests/pipeline/text/jinja");
    const std::filesystem::path environment = std::string(TEST_ENVIRONMENTS) + "/jinja";
    const std::string make = quoted(test::source_path("tools/python-environment")) + " " +
                             quoted(folder / "requirements.txt") + " " + quoted(environment);
    const int made = std::system(make.c_str());
    if (WEXITSTATUS(made) == 69) {
      MESSAGE("skipped: jinja2 cannot be downloaded from here");
      return;
    }
    REQUIRE(made == 0);
    const char* cases = std::getenv("SLUICE_DIFFERENTIAL_CASES");
    const char* seed = std::getenv("SLUICE_SEED");
    std::string command = quoted(environment / "bin/python") + " -B " + quoted(folder / "differential.py") + " " +
                          quoted(RENDER_LINES) + " " + (cases == nullptr ? DIFFERENTIAL_CASES : cases) + " " +
                          (seed == nullptr ? "1" : seed);
    for (const char* tokenizer : {"tokenizers/deepseek_v3", "tokenizers/qwen2_5"}) {
      if (const auto path = test::shared_path(tokenizer)) command += " " + quoted(*path / "tokenizer_config.json");
    }
    CHECK(std::system(command.c_str()) == 0);
  }
}

}  // namespace
}  // namespace sluice
