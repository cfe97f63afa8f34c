// The example clients against a running engine: each prints what the engine gives, and nothing else.
#include <doctest/doctest.h>

#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

constexpr const char* kPrompt = "Once upon a time there was a king who had three daughters";

// What the examples ask for.
Generate example_request(const transport::Client& client) {
  Generate request = greedy("expected", kPrompt, 200);
  request.sampling = client.welcome().sampling_defaults;
  request.sampling->temperature = 0;
  return request;
}

// Runs an example on two prompts: `command` is a program and the arguments before its own.
void check_example(std::vector<std::string> command) {
  TopologyText topology;
  topology.client_window_tokens = 16;  // Many grants of credit.
  EngineUnderTest engine(topology);
  auto client = engine.connect();
  const Answer expected = generate(client, example_request(client));
  REQUIRE(expected.finished.has_value());
  REQUIRE(expected.ids.size() > 3 * topology.client_window_tokens);

  const std::string program = command.front();
  command.erase(command.begin());
  command.push_back(engine.ingress());
  const auto run = [&](const std::string& prompt) {
    auto arguments = command;
    arguments.push_back(prompt);
    return Program(arguments, true, program);
  };

  Program story = run(kPrompt);
  CHECK(story.rest() == expected.text + "\n" + std::string(to_string(expected.finished->reason)) + ", " +
                            std::to_string(expected.ids.size()) + " tokens\n");
  CHECK(story.wait() == 0);

  Program refused = run("");
  CHECK(refused.rest().find("prompt") != std::string::npos);
  CHECK(refused.wait() == 1);
}

TEST_SUITE("e2e/examples") {
  TEST_CASE("client.cpp prints the text that the engine gives") {
    check_example({EXAMPLE_CLIENT});
  }

  TEST_CASE("client.py prints the text that the engine gives") {
    Program environment({}, true, source_path("tools/python-environment").string());
    const int status = environment.wait();  // Downloads at the first time: no bound but that of the test.
    CAPTURE(environment.rest());
    if (status == 69) {
      MESSAGE("skipped: pyzmq and pycapnp cannot be downloaded from here");
      return;
    }
    REQUIRE(status == 0);
    check_example({source_path(".venv/bin/python").string(), source_path("examples/client.py").string()});
  }
}

}  // namespace
}  // namespace sluice::test
