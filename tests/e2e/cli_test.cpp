// The verbs of the program against a running engine: what they print and the exit codes, Ctrl-C included.
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "tests/e2e/engine_under_test.h"
#include "tests/support/paths.h"

namespace sluice::test {
namespace {

using nlohmann::json;

constexpr const char* kPrompt = "Once upon a time there was a little fox who";

// `sluice VERB --connect ENGINE FLAGS`
Program start(const EngineUnderTest& engine, const std::string& verb, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {verb, "--connect", engine.ingress()};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return Program(arguments);
}

// Standard output of `sluice generate` on kPrompt.
std::string generated(const EngineUnderTest& engine, std::vector<std::string> flags) {
  flags.insert(flags.end(), {"-p", kPrompt, "-q"});
  Program program = start(engine, "generate", flags);
  const std::string output = program.rest();
  CHECK(program.wait() == 0);
  return output;
}

Generate seeded(const transport::Client& client, const std::string& id, Prompt prompt, std::uint64_t seed) {
  Generate request = greedy(id, std::move(prompt), 60);
  request.sampling = client.welcome().sampling_defaults;
  request.seed = seed;
  return request;
}

std::string text_of(transport::Client& client, const Generate& request) {
  const Answer answer = generate(client, request);
  REQUIRE(answer.finished.has_value());
  return answer.text;
}

std::vector<json> parsed_lines(const std::string& output) {
  std::istringstream stream(output);
  std::vector<json> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  REQUIRE_FALSE(lines.empty());
  return lines;
}

std::string joined(const std::vector<TokenId>& ids) {
  std::string text;
  for (const TokenId id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  return text;
}

// A request that computes its first token, then waits for credit: it runs for as long as the test wants.
Generate start_held_request(transport::Client& client) {
  Generate request = greedy("held", std::string(kPrompt), 50);
  request.ignore_eos = true;
  request.credit_tokens = 1;
  REQUIRE(client.send(request).ok());
  for (;;) {
    const auto message = client.receive(kPatience);
    REQUIRE(message.ok());
    REQUIRE(message->has_value());
    REQUIRE_FALSE(std::holds_alternative<Failed>(**message));
    if (std::holds_alternative<Tokens>(**message)) return request;
  }
}

// Sends small requests until one is refused: from then on the engine drains.
Error first_refusal(transport::Client& client) {
  const SteadyClock clock;
  const TimePoint end = clock.now() + kPatience;
  for (int i = 0; clock.now() < end; ++i) {
    const Answer answer = generate(client, greedy("small-" + std::to_string(i), std::string(kPrompt), 1));
    if (answer.error) return *answer.error;
  }
  FAIL("every request was taken");
  return {};
}

TopologyText two_processes() {
  TopologyText topology;
  topology.stages = {{"0-2", "head/cpu:0"}, {"3-5", "spawn/cpu:0"}};
  return topology;
}

TEST_SUITE("e2e/cli") {
  TEST_CASE("generate: prints the text, the token ids, or up to a stop string, as the engine gives them") {
    EngineUnderTest engine({});
    auto client = engine.connect();
    const Answer expected = generate(client, seeded(client, "seven", std::string(kPrompt), 7));
    REQUIRE(expected.finished.has_value());

    CHECK(generated(engine, {"-n", "60", "--seed", "7"}) == expected.text + "\n");
    CHECK(generated(engine, {"-n", "60", "--seed", "8"}) ==
          text_of(client, seeded(client, "eight", std::string(kPrompt), 8)) + "\n");
    CHECK(generated(engine, {"-n", "60", "--seed", "7", "--token-ids"}) == joined(expected.ids) + "\n");

    const std::string stop = expected.text.substr(expected.text.size() / 2, 5);
    CHECK(generated(engine, {"-n", "60", "--seed", "7", "--stop", stop, "--stop", "no such text"}) ==
          expected.text.substr(0, expected.text.find(stop)) + "\n");

    CHECK(generated(engine, {"-n", "60", "--greedy"}) ==
          text_of(client, greedy("greedy", std::string(kPrompt), 60)) + "\n");
    CHECK(generated(engine, {"-n", "60", "--seed", "7", "--temperature", "0"}) ==
          generated(engine, {"-n", "60", "--seed", "8", "--greedy"}));
  }

  TEST_CASE("generate --json: tokens, log-probabilities, digests and usage are the engine's to the bit") {
    EngineUnderTest engine({});
    auto client = engine.connect();
    Generate request = seeded(client, "seven", std::string(kPrompt), 7);
    request.logprobs = {.output = true, .top = 2, .prompt = true, .digest = true};
    const Answer expected = generate(client, request);
    REQUIRE(expected.finished.has_value());

    const auto lines = parsed_lines(generated(engine, {"-n", "60", "--seed", "7", "--json", "--logprobs",
                                                       "--top-logprobs", "2", "--prompt-logprobs", "--digest"}));
    Answer answer;
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
      REQUIRE(lines[i]["type"] == "tokens");
      CHECK(lines[i]["first_index"] == answer.ids.size());
      for (const TokenId id : lines[i]["token_ids"]) answer.ids.push_back(id);
      answer.text += lines[i]["text"];
      for (const json& entry : lines[i]["logprobs"]) {
        TokenLogprobs logprobs;
        logprobs.logprob = entry["logprob"];
        for (const json& top : entry["top"]) logprobs.top.push_back({top["token_id"], top["logprob"]});
        logprobs.digest = std::stoull(entry["digest"].get<std::string>(), nullptr, 16);
        answer.logprobs.push_back(logprobs);
      }
    }
    CHECK(answer.ids == expected.ids);
    CHECK(answer.text == expected.text);
    CHECK(answer.logprobs == expected.logprobs);
    const json& last = lines.back();
    CHECK(last["type"] == "finished");
    CHECK(last["reason"] == std::string(to_string(expected.finished->reason)));
    CHECK(last["seed"] == 7);
    CHECK(last["usage"]["output_tokens"] == expected.ids.size());
    CHECK(last["usage"]["prompt_tokens"] == expected.finished->usage.prompt_tokens);
    CHECK(last["prompt_logprobs"].get<std::vector<float>>() == expected.finished->prompt_logprobs);
  }

  TEST_CASE("chat: turns over a pipe are the engine's answers to the conversation so far") {
    EngineUnderTest engine({});
    auto client = engine.connect();
    std::vector<ChatMessage> conversation = {{"system", "You tell short stories."}, {"user", "Tell me of a fox."}};
    const std::string first = text_of(client, seeded(client, "first", conversation, 7));
    conversation.push_back({"assistant", first});
    conversation.push_back({"user", "And of a wolf."});
    const std::string second = text_of(client, seeded(client, "second", conversation, 7));
    conversation = {conversation.front(), {"user", "Start again."}};
    const std::string third = text_of(client, seeded(client, "third", conversation, 7));

    Program chat = start(engine, "chat", {"--system", "You tell short stories.", "-n", "60", "--seed", "7"});
    chat.write_input("Tell me of a fox.\nAnd of a wolf.\n/reset\nStart again.\n/quit\nNever sent.\n");
    CHECK(chat.rest() == first + "\n" + second + "\n" + third + "\n");
    CHECK(chat.wait() == 0);
  }

  TEST_CASE("generate: Ctrl-C cancels the request, frees its place in the engine and exits with 130") {
    TopologyText topology;
    topology.max_requests = 1;
    topology.client_window_tokens = 8;
    EngineUnderTest engine(topology);
    // 20 log-probabilities a token: a pipe that nobody reads is full long before the last token. Then the client grants
    // no more credit, so the request cannot have ended when the signal comes.
    Program program = start(
        engine, "generate",
        {"-p", kPrompt, "-n", "900", "--ignore-eos", "--greedy", "--json", "--logprobs", "--top-logprobs", "20", "-q"});
    const auto first = program.next_line();
    REQUIRE(first.has_value());
    program.interrupt();
    const auto lines = parsed_lines(*first + "\n" + program.rest());
    CHECK(program.wait() == 130);
    CHECK(lines.back()["type"] == "finished");
    CHECK(lines.back()["reason"] == "cancelled");
    CHECK(lines.back()["usage"]["output_tokens"] < 900);

    CHECK(generated(engine, {"-n", "1", "--token-ids", "--greedy"}) == lines.front()["token_ids"][0].dump() + "\n");
  }

  TEST_CASE("serve: Ctrl-C refuses new requests, lets the running one finish, and exits with 0") {
    EngineUnderTest engine(two_processes());
    auto client = engine.connect();
    auto other = engine.connect();
    const Generate held = start_held_request(client);
    engine.program().interrupt();

    const Error refusal = first_refusal(other);
    CHECK(refusal.code == ErrorCode::kUnavailable);
    Program verb = start(engine, "generate", {"-p", kPrompt});
    CHECK(verb.wait() == 69);

    REQUIRE(client.send(Credit{held.request_id, held.max_tokens}).ok());
    std::size_t tokens = 1;
    std::optional<Finished> finished;
    while (!finished) {
      auto message = client.receive(kPatience);
      REQUIRE(message.ok());
      REQUIRE(message->has_value());
      REQUIRE_FALSE(std::holds_alternative<Failed>(**message));
      if (const auto* more = std::get_if<Tokens>(&**message)) tokens += more->token_ids.size();
      if (auto* last = std::get_if<Finished>(&**message)) finished = *last;
    }
    CHECK(finished->reason == FinishReason::kLength);
    CHECK(tokens == held.max_tokens);
    CHECK(engine.program().wait() == 0);
  }

  TEST_CASE("serve: a second Ctrl-C ends at once, with 130, and leaves no process behind") {
    EngineUnderTest engine(two_processes());
    const pid_t worker = only_child_of(engine.program().pid());
    auto client = engine.connect();
    auto other = engine.connect();
    start_held_request(client);
    engine.program().interrupt();
    first_refusal(other);
    engine.program().interrupt();
    CHECK(engine.program().wait() == 130);
    CHECK(has_ended(worker));
  }

  TEST_CASE("serve: every file in configs comes up, with its worker where it wants one") {
    const auto replace = [](std::string text, const std::string& old, const std::string& now) {
      for (auto at = text.find(old); at != std::string::npos; at = text.find(old, at + now.size()))
        text.replace(at, old.size(), now);
      return text;
    };
    for (const auto& entry : std::filesystem::directory_iterator(source_path("configs"))) {
      if (entry.path().extension() != ".toml") continue;
      CAPTURE(entry.path());
      std::ifstream file(entry.path());
      std::string toml{std::istreambuf_iterator<char>(file), {}};
      if (toml.find("[security]") != std::string::npos) continue;  // With its hosts and keys: hosts_test.cpp.
      toml = replace(toml, "\"../", "\"" + source_path("").string());
      toml = replace(toml, "bind = \"tcp://127.0.0.1:5555\"", "bind = \"tcp://127.0.0.1:*\"");
      toml = replace(toml, "bind = \"tcp://127.0.0.1:5550\"", "bind = \"tcp://127.0.0.1:*\"");
      toml += "[metrics]\nbind = \"http://127.0.0.1:*\"\n";
      const TemporaryFolder folder;
      Program engine({"serve", "--log-level", "warn", folder.write("topology.toml", toml)});
      std::optional<Program> worker;
      const bool is_waiting =
          toml.find("[\"worker-a/cpu:0\"]") != std::string::npos || toml.find("[\"any/cpu:0\"]") != std::string::npos;
      if (is_waiting) {
        const auto control = engine.line_starting("control ");
        REQUIRE(control.has_value());
        worker.emplace(std::vector<std::string>{"worker", "--connect", control->substr(8), "--name", "worker-a",
                                                "--log-level", "warn"});
      }
      CHECK(engine.line_starting("ready").has_value());
      engine.interrupt();
      CHECK(engine.wait() == 0);
      if (worker) {
        worker->interrupt();
        CHECK(worker->wait() == 0);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::test
