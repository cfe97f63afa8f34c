// The log of a running engine, as whoever reads standard error finds it.
#include <doctest/doctest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/e2e/engine_under_test.h"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

// `sluice serve` with its log among the lines of its standard output.
struct LoggedEngine {
  explicit LoggedEngine(const std::string& format, const TopologyText& topology = {})
      : program(
            {"serve", "--log-level", "debug", "--log-format", format, folder.write("topology.toml", topology.toml())},
            true) {
    const auto line = program.line_starting("ingress ");
    REQUIRE(line.has_value());
    ingress = line->substr(std::string("ingress ").size());
    REQUIRE(program.line_starting("ready").has_value());
  }

  transport::Client connect(const std::string& name) const {
    transport::ClientOptions options;
    options.client_name = name;
    options.connect_timeout = kPatience;
    auto client = transport::Client::connect(ingress, options);
    if (!client.ok()) FAIL(to_string(client.error()));
    return std::move(*client);
  }

  // All lines since it was ready, when it has ended.
  std::vector<std::string> lines() {
    program.signal(SIGINT);
    std::vector<std::string> all;
    while (auto line = program.next_line()) all.push_back(*line);
    CHECK(program.wait() == 0);
    return all;
  }

  TemporaryFolder folder;
  Program program;
  std::string ingress;
};

// The one line of this event.
Json only(const std::vector<std::string>& lines, const std::string& event) {
  std::vector<Json> found;
  for (const std::string& line : lines) {
    if (!line.starts_with('{')) continue;
    Json json = Json::parse(line);
    if (json.at("event") == event) found.push_back(std::move(json));
  }
  REQUIRE(found.size() == 1);
  return found[0];
}

TEST_SUITE("e2e/log") {
  TEST_CASE("json: the lines of one request carry its id and sequence, however hostile the id is") {
    const std::string id = "a\"b\n{\"level\":\"error\"}\x1b[2J";
    LoggedEngine engine("json");
    {
      transport::Client client = engine.connect("demo\n\x1b]0;x\x07");
      Generate request = greedy(id, "Once upon a time", 3);
      request.tenant = "t\r\n";
      REQUIRE(generate(client, request).finished.has_value());
    }

    const auto lines = engine.lines();

    const Json connected = only(lines, "client connected");
    const Json accepted = only(lines, "request accepted");
    const Json ended = only(lines, "request ended");
    CHECK(connected.at("client") == "demo\n\x1b]0;x\x07");
    CHECK(accepted.at("level") == "debug");
    CHECK(accepted.at("id") == id);
    CHECK(accepted.at("tenant") == "t\r\n");
    CHECK(accepted.at("prompt") == "text");
    CHECK(accepted.at("session") == connected.at("session"));
    CHECK(ended.at("level") == "info");
    CHECK(ended.at("id") == id);
    CHECK(ended.at("sequence") == accepted.at("sequence"));
    CHECK(ended.at("outcome") == "length");
    CHECK(ended.at("output_tokens") == 3);
  }

  TEST_CASE("text: every line is whole and printable, and values are in quotes") {
    LoggedEngine engine("text");
    {
      transport::Client client = engine.connect("demo");
      REQUIRE(generate(client, greedy("a\nb\x1b[2J", "Once upon a time", 3)).finished.has_value());
    }

    const auto lines = engine.lines();

    std::size_t ended = 0;
    for (const std::string& line : lines) {
      CAPTURE(line);
      for (const char c : line) CHECK(static_cast<unsigned char>(c) >= 0x20);
      if (line.find(" info responder: request ended id=\"a\\nb\\u001b[2J\" sequence=") != std::string::npos) ++ended;
    }
    CHECK(ended == 1);
  }

  TEST_CASE("refusals: many make one line each second at most, and every one is counted") {
    constexpr int kRefused = 500;
    LoggedEngine engine("json");
    {
      transport::Client client = engine.connect("demo");
      for (int i = 0; i < kRefused; ++i) {
        Generate request = greedy("a", "Once upon a time", 3);
        request.priority = 101;
        CHECK(generate(client, request).error.has_value());
      }
    }

    std::uint64_t counted = 0;
    std::uint64_t lines = 0;
    for (const std::string& line : engine.lines()) {
      if (!line.starts_with('{')) continue;
      const Json json = Json::parse(line);
      if (json.at("event") != "request refused") continue;
      CHECK(json.at("code") == "invalid_request");
      counted += json.at("count").get<std::uint64_t>();
      ++lines;
    }
    CHECK(counted == kRefused);
    CHECK(lines < kRefused);
  }

  TEST_CASE("spawned workers log in the same form, under their own names") {
    TopologyText topology;
    topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
    LoggedEngine engine("json", topology);

    engine.program.signal(SIGINT);
    for (auto line = engine.program.next_line(); line; line = engine.program.next_line()) {
      if (line->starts_with('{')) CHECK(Json::parse(*line).contains("event"));
    }
    CHECK(engine.program.wait() == 0);
  }
}

}  // namespace
}  // namespace sluice::test
