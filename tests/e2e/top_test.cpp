// `sluice top` against a running engine: it finds every figure that it shows among the engine's metrics.
#include <doctest/doctest.h>

#include "base/clock.h"
#include "tests/e2e/engine_under_test.h"

namespace sluice::test {
namespace {

std::string picture(const EngineUnderTest& engine) {
  Program top({"top", "--once", "--window", "0.5", "--connect", engine.metrics_url()});
  const std::string text = top.rest();
  REQUIRE(top.wait() == 0);
  return text;
}

// A dash stands for what the engine has not told, or what has not happened in the window.
bool has_dash(const std::string& text) {
  for (const char* dash : {" -\n", " - ", " -/s", " -,"}) {
    if (text.find(dash) != std::string::npos) return true;
  }
  return false;
}

TEST_SUITE("e2e/top") {
  TEST_CASE("top: shows an engine at work with no figure missing") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    EngineUnderTest engine(topology);
    Program load({"load", "--connect", engine.ingress(), "--closed", "4", "--duration", "3600", "--output-tokens", "4",
                  "--json"});
    const SteadyClock clock;
    const TimePoint end = clock.now() + kPatience;
    std::string text = picture(engine);
    while (has_dash(text) && clock.now() < end) text = picture(engine);
    CAPTURE(text);
    CHECK(!has_dash(text));
    CHECK(text.starts_with("sluice top   " + std::string(kDemoModel) + "   up   last "));
    CHECK(text.find("\nrequests   [") != std::string::npos);
    CHECK(text.find(" of 64   connections 1   queued tokens ") != std::string::npos);
    CHECK(text.find("output 0/s") == std::string::npos);
    CHECK(text.find("\nend to end ") != std::string::npos);
    CHECK(text.find("\n0   0-2    head/cpu:0  [") != std::string::npos);
    CHECK(text.find("\n1   3-5    spawn/cpu:0 [") != std::string::npos);
    for (const char* link : {"ingress > tokenizer", "tokenizer > batcher", "batcher > stage-0", "stage-0 > stage-1",
                             "stage-1 > batcher", "batcher > responder", "responder > ingress"}) {
      CAPTURE(link);
      CHECK(text.find("\n" + std::string(link) + " ") != std::string::npos);
    }
    load.interrupt();
    load.rest();
    CHECK(load.wait() == 130);
  }
}

}  // namespace
}  // namespace sluice::test
