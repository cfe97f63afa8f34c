// The verb `load` against an engine that answers by a script: what it sends, and its exit codes. With the real engine
// it is run in tests/e2e.

#include <doctest/doctest.h>

#include <csignal>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/program.h"
#include "tests/support/temp_directory.h"
#include "tests/transport/client/scripted_engine.h"

namespace sluice {
namespace {

using Answers = std::vector<ServerMessage>;
using nlohmann::json;

Answers welcome() {
  Welcome welcome;
  welcome.model = "storyteller";
  welcome.client_window_tokens = 4;
  welcome.message_bytes_max = 1 << 20;
  return {welcome};
}

// All tokens, one by one, whatever the credit.
Answers tell_story(const ClientMessage& message) {
  if (std::holds_alternative<Hello>(message)) return welcome();
  const auto* request = std::get_if<Generate>(&message);
  if (request == nullptr) return {};
  Answers answers = {Accepted{request->request_id, *request->seed}};
  for (std::uint32_t i = 0; i < request->max_tokens; ++i) {
    Tokens tokens;
    tokens.request_id = request->request_id;
    tokens.first_index = i;
    tokens.token_ids = {5};
    answers.push_back(tokens);
  }
  Finished finished;
  finished.request_id = request->request_id;
  finished.reason = FinishReason::kLength;
  answers.push_back(finished);
  return answers;
}

// Takes requests and answers none (its client may be gone by then); the future is ready once the third is there.
class SilentEngine {
 public:
  Answers operator()(const ClientMessage& message) {
    if (std::holds_alternative<Hello>(message)) return welcome();
    if (std::holds_alternative<Generate>(message) && ++*requests_ == 3) has_three_->set_value();
    return {};
  }
  std::future<void> has_three() const { return has_three_->get_future(); }

 private:
  std::shared_ptr<int> requests_ = std::make_shared<int>(0);
  std::shared_ptr<std::promise<void>> has_three_ = std::make_shared<std::promise<void>>();
};

template <class T>
std::vector<T> received(const test::ScriptedEngine& engine) {
  std::vector<T> all;
  for (const ClientMessage& message : engine.received()) {
    if (const auto* one = std::get_if<T>(&message)) all.push_back(*one);
  }
  return all;
}

TEST_SUITE("cli/load_verb") {
  TEST_CASE("load --verify-mock: answers of anything but a mock fail the run, and an engine must name its vocabulary") {
    const auto run = [](std::uint32_t vocabulary_tokens) {
      test::ScriptedEngine engine([vocabulary_tokens](const ClientMessage& message) {
        Answers answers = tell_story(message);
        if (auto* welcome = std::get_if<Welcome>(&answers.front())) welcome->vocabulary_tokens = vocabulary_tokens;
        return answers;
      });
      return test::run_program({"load", "--connect", engine.address(), "--rate", "1000", "--requests", "3",
                                "--output-tokens", "4", "--verify-mock", "--json"});
    };
    const test::Outcome story = run(4096);
    CHECK(story.exit_code == 1);
    const json report = json::parse(story.out);
    CHECK(report["verified"] == 3);
    CHECK(report["wrong_answers"] == 3);
    CHECK(report["balanced"] == false);
    const test::Outcome silent = run(0);
    CHECK(silent.exit_code == 1);
    CHECK(silent.err.find("the engine does not say how large its vocabulary is") != std::string::npos);
  }

  TEST_CASE("load: requests of a file go out as they are, over all connections") {
    test::TempDirectory folder;
    const auto file = folder.write("requests.jsonl",
                                   "{\"prompt\": \"Once\", \"output_length\": 6}\n"
                                   "{\"input_length\": 3, \"output_length\": 2}\n");
    test::ScriptedEngine engine(tell_story);
    const test::Outcome outcome = test::run_program(
        {"load", "--connect", engine.address(), "--rate", "1000", "--requests", "5", "--file", file.string(), "--vocab",
         "10", "--connections", "3", "--deadline-ms", "60000", "--priority", "-4", "--json"});
    engine.stop();

    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err == "");
    const json report = json::parse(outcome.out);
    CHECK(report["offered"] == 5);
    CHECK(report["outcomes"]["finished"]["length"] == 5);
    CHECK(report["output_tokens"] == 22);
    CHECK(report["model"] == "storyteller");
    CHECK(received<Hello>(engine).size() == 3);
    const auto requests = received<Generate>(engine);
    REQUIRE(requests.size() == 5);
    for (const Generate& request : requests) {
      CHECK(request.deadline_ms == 60000);
      CHECK(request.priority == -4);
      CHECK(request.ignore_eos);
      const bool is_first_line = std::stoi(request.request_id) % 2 == 0;
      CHECK(request.max_tokens == (is_first_line ? 6u : 2u));
      if (is_first_line) {
        CHECK(request.prompt == Prompt(std::string("Once")));
      } else {
        CHECK(std::get<std::vector<TokenId>>(request.prompt).size() == 3);
      }
    }
  }

  TEST_CASE("load: prints a table unless told otherwise") {
    test::ScriptedEngine engine(tell_story);
    const test::Outcome outcome =
        test::run_program({"load", "--connect", engine.address(), "--closed", "2", "--requests", "6"});
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out.starts_with("closed loop of 2, seed 1, to storyteller at " + engine.address()));
    CHECK(outcome.out.find("\noffered              6   sent 6, accepted 6\n") != std::string::npos);
    CHECK(outcome.out.find("\nfinished             6   length 6\n") != std::string::npos);
  }

  TEST_CASE("load: two terminal messages for one request are found, exit code 1") {
    test::ScriptedEngine engine([](const ClientMessage& message) {
      Answers answers = tell_story(message);
      const auto* request = std::get_if<Generate>(&message);
      // Not for the last one: its client goes.
      if (request != nullptr && request->request_id != "2") answers.push_back(answers.back());
      return answers;
    });
    const test::Outcome outcome =
        test::run_program({"load", "--connect", engine.address(), "--closed", "1", "--requests", "3", "--json"});
    CHECK(outcome.exit_code == 1);
    const json report = json::parse(outcome.out);
    CHECK(report["balanced"] == false);
    CHECK(report["violations"] == 2);
    CHECK(report["outcomes"]["finished"]["length"] == 3);
  }

  TEST_CASE("load: an engine that goes away ends the run with its report, exit code 69") {
    SilentEngine silent;
    std::future<void> has_three = silent.has_three();
    test::ScriptedEngine engine(silent);
    test::Program program({"load", "--connect", engine.address(), "--closed", "3", "--duration", "600", "--json"});
    has_three.wait();
    engine.stop();
    const test::Outcome outcome = program.wait();
    CHECK(outcome.exit_code == 69);
    CHECK(outcome.err.starts_with("sluice: transport_lost: the connection to "));
    const json report = json::parse(outcome.out);
    CHECK(report["balanced"] == true);
    CHECK(report["outcomes"]["failed"] == json::parse("{\"transport_lost\": 3}"));
  }

  TEST_CASE("load: what has no outcome after the drain time has timed out, exit code 0") {
    test::ScriptedEngine engine{SilentEngine()};
    const test::Outcome outcome = test::run_program(
        {"load", "--connect", engine.address(), "--closed", "3", "--requests", "3", "--drain", "0", "--json"});
    CHECK(outcome.exit_code == 0);
    const json report = json::parse(outcome.out);
    CHECK(report["outcomes"]["timed_out"] == 3);
    CHECK(report["balanced"] == true);
  }

  TEST_CASE("load: Ctrl-C ends the run with its report, exit code 130") {
    SilentEngine silent;
    std::future<void> has_three = silent.has_three();
    test::ScriptedEngine engine(silent);
    test::Program program({"load", "--connect", engine.address(), "--closed", "3", "--duration", "600", "--json"});
    has_three.wait();
    program.send_signal(SIGINT);
    const test::Outcome outcome = program.wait();
    CHECK(outcome.exit_code == 130);
    const json report = json::parse(outcome.out);
    CHECK(report["interrupted"] == true);
    CHECK(report["outcomes"]["timed_out"] == 3);
    CHECK(report["balanced"] == true);
  }

  TEST_CASE("load: wrong usage") {
    const std::vector<std::vector<std::string>> wrong = {{},
                                                         {"--rate", "5", "--closed", "2"},
                                                         {"--rate", "0"},
                                                         {"--step", "5"},
                                                         {"--closed", "0"},
                                                         {"--replay"},
                                                         {"--rate", "5", "--speed", "2"},
                                                         {"--rate", "5", "--prompt-tokens", "9..2"},
                                                         {"--rate", "5", "--file", "absent.jsonl"},
                                                         {"--rate", "5", "--duration", "-1"},
                                                         {"--closed", "20", "--max-in-flight", "10"}};
    for (const auto& flags : wrong) {
      std::vector<std::string> arguments = {"load"};
      arguments.insert(arguments.end(), flags.begin(), flags.end());
      CAPTURE(flags.size());
      CHECK(test::run_program(arguments).exit_code == 2);
    }
  }
}

}  // namespace
}  // namespace sluice
