// The verbs that talk to an engine, against one that answers by a script: the program's side of the conversation, what
// it prints, Ctrl-C. With the real engine they are run in tests/actors.

#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <variant>
#include <vector>

#include "tests/cli/program.h"
#include "tests/support/temp_directory.h"
#include "tests/transport/client/scripted_engine.h"

namespace sluice {
namespace {

using Answers = std::vector<ServerMessage>;

Welcome make_welcome() {
  Welcome welcome;
  welcome.model = "storyteller";
  welcome.max_requests = 4;
  welcome.context_tokens = 1024;
  welcome.client_window_tokens = 512;
  welcome.message_bytes_max = 1 << 20;
  welcome.sampling_defaults.temperature = 0.5f;
  return welcome;
}

Tokens make_tokens(const std::string& id, std::uint64_t first_index, std::vector<TokenId> ids, std::string text) {
  Tokens tokens;
  tokens.request_id = id;
  tokens.first_index = first_index;
  tokens.token_ids = std::move(ids);
  tokens.text = std::move(text);
  return tokens;
}

Finished make_finished(const std::string& id, FinishReason reason) {
  Finished finished;
  finished.request_id = id;
  finished.reason = reason;
  finished.usage = {.prompt_tokens = 2, .output_tokens = 3};
  return finished;
}

// Welcomes, and answers every request with the same three tokens.
Answers tell_story(const ClientMessage& message) {
  if (std::holds_alternative<Hello>(message)) return {make_welcome()};
  const auto* request = std::get_if<Generate>(&message);
  if (request == nullptr) return {};
  const std::string& id = request->request_id;
  return {Accepted{id, *request->seed}, make_tokens(id, 0, {5}, "Once"), make_tokens(id, 1, {6, 7}, " upon"),
          make_finished(id, FinishReason::kStop)};
}

// Begins, and goes on until it is cancelled.
Answers tell_endless_story(const ClientMessage& message) {
  if (std::holds_alternative<Hello>(message)) return {make_welcome()};
  if (const auto* request = std::get_if<Generate>(&message)) {
    return {Accepted{request->request_id, *request->seed}, make_tokens(request->request_id, 0, {5}, "Once")};
  }
  if (const auto* cancel = std::get_if<Cancel>(&message)) {
    return {make_finished(cancel->request_id, FinishReason::kCancelled)};
  }
  return {};
}

std::vector<Generate> requests_of(const test::ScriptedEngine& engine) {
  std::vector<Generate> requests;
  for (const ClientMessage& message : engine.received()) {
    if (const auto* request = std::get_if<Generate>(&message)) requests.push_back(*request);
  }
  return requests;
}

TEST_SUITE("cli/engine_verbs") {
  TEST_CASE("generate: prints the text, then a line of figures on standard error") {
    test::ScriptedEngine engine(tell_story);
    const test::Outcome outcome =
        test::run_program({"generate", "--connect", engine.address(), "-p", "Tell", "--seed", "7", "--top-k", "3"});
    engine.stop();

    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == "Once upon\n");
    CHECK(outcome.err.starts_with("sluice: 3 tokens (stop) after 2 of prompt, first token after "));
    CHECK(outcome.err.ends_with(", seed 7\n"));
    REQUIRE(requests_of(engine).size() == 1);
    const Generate request = requests_of(engine).front();
    CHECK(request.prompt == Prompt(std::string("Tell")));
    CHECK(request.seed == 7);
    REQUIRE(request.sampling.has_value());
    CHECK(request.sampling->top_k == 3);
    CHECK(request.sampling->temperature == 0.5f);
  }

  TEST_CASE("generate: prints token ids, or one JSON object per message") {
    test::ScriptedEngine engine(tell_story);
    CHECK(test::run_program({"generate", "--connect", engine.address(), "-p", "x", "--token-ids"}).out == "5 6 7\n");
    const test::Outcome json =
        test::run_program({"generate", "--connect", engine.address(), "-p", "x", "--json", "--seed", "7", "-q"});
    CHECK(json.exit_code == 0);
    CHECK(json.err == "");
    CHECK(json.out ==
          "{\"type\":\"tokens\",\"first_index\":0,\"token_ids\":[5],\"text\":\"Once\"}\n"
          "{\"type\":\"tokens\",\"first_index\":1,\"token_ids\":[6,7],\"text\":\" upon\"}\n"
          "{\"type\":\"finished\",\"reason\":\"stop\",\"seed\":7,"
          "\"usage\":{\"prompt_tokens\":2,\"output_tokens\":3,\"cached_tokens\":0},"
          "\"times\":{\"tokenize_us\":0,\"queue_us\":0,\"prefill_us\":0,\"decode_us\":0}}\n");
  }

  TEST_CASE("generate: takes the prompt from standard input, as ids, or as a chat message") {
    test::ScriptedEngine engine(tell_story);
    const std::string address = engine.address();
    CHECK(test::run_program({"generate", "--connect", address, "-p", "-"}, "from\nstdin").exit_code == 0);
    CHECK(test::run_program({"generate", "--connect", address, "--prompt-ids", "3,4"}).exit_code == 0);
    CHECK(test::run_program({"generate", "--connect", address, "-p", "Hi", "--system", "Be short"}).exit_code == 0);
    CHECK(test::run_program({"generate", "--connect", address, "-p", "Hi", "--chat"}).exit_code == 0);
    engine.stop();

    const std::vector<Generate> requests = requests_of(engine);
    REQUIRE(requests.size() == 4);
    CHECK(requests[0].prompt == Prompt(std::string("from\nstdin")));
    CHECK(requests[1].prompt == Prompt(std::vector<TokenId>{3, 4}));
    CHECK(requests[2].prompt == Prompt(std::vector<ChatMessage>{{"system", "Be short"}, {"user", "Hi"}}));
    CHECK(requests[3].prompt == Prompt(std::vector<ChatMessage>{{"user", "Hi"}}));
  }

  TEST_CASE("generate and chat: tools and variables go to the chat template, in their order") {
    const test::TempDirectory directory;
    const std::string tools = (directory.path() / "tools.json").string();
    std::ofstream(tools) << R"([{"z": 1, "a": "\u00e9"}])";
    test::ScriptedEngine engine(tell_story);
    const std::string address = engine.address();
    const std::vector<std::string> flags = {"--tools", tools, "--var", "enable_thinking=false", "--var", "d=26 Jul"};
    std::vector<std::string> generate = {"generate", "--connect", address, "-p", "Hi"};
    generate.insert(generate.end(), flags.begin(), flags.end());
    CHECK(test::run_program(generate).exit_code == 0);
    std::vector<std::string> chat = {"chat", "--connect", address};
    chat.insert(chat.end(), flags.begin(), flags.end());
    CHECK(test::run_program(chat, "Hi\n").exit_code == 0);
    CHECK(test::run_program({"generate", "--connect", address, "-p", "Hi", "--var", "x"}).exit_code == 2);
    CHECK(test::run_program({"chat", "--connect", address, "--tools", "/no/such/file"}).exit_code == 2);
    engine.stop();

    const std::string variables = R"({"tools":[{"z":1,"a":"é"}],"enable_thinking":false,"d":"26 Jul"})";
    const std::vector<Generate> requests = requests_of(engine);
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].prompt == Prompt(ChatPrompt({{"user", "Hi"}}, variables)));
    CHECK(requests[1].prompt == Prompt(ChatPrompt({{"user", "Hi"}}, variables)));
  }

  TEST_CASE("generate: Ctrl-C cancels the request and exits with 130") {
    test::ScriptedEngine engine(tell_endless_story);
    test::Program program({"generate", "--connect", engine.address(), "-p", "x"});
    CHECK(program.read_out_until("Once") == "Once");
    program.send_signal(SIGINT);
    const test::Outcome outcome = program.wait();
    engine.stop();

    CHECK(outcome.exit_code == 130);
    CHECK(outcome.err.find("(cancelled)") != std::string::npos);
    CHECK(std::holds_alternative<Cancel>(engine.received().back()));
  }

  TEST_CASE("generate: a refusal is reported with its code and its time, exit code 69") {
    test::ScriptedEngine engine([](const ClientMessage& message) -> Answers {
      const auto* request = std::get_if<Generate>(&message);
      if (request == nullptr) return tell_story(message);
      return {Failed{request->request_id, {ErrorCode::kOverloaded, "4 requests are running, limit 4", 50}}};
    });
    const test::Outcome outcome = test::run_program({"generate", "--connect", engine.address(), "-p", "x"});
    CHECK(outcome.exit_code == 69);
    CHECK(outcome.err == "sluice: overloaded: 4 requests are running, limit 4 (retry after 50 ms)\n");
  }

  TEST_CASE("generate: a malformed bias is wrong usage") {
    test::ScriptedEngine engine(tell_story);
    CHECK(test::run_program({"generate", "--connect", engine.address(), "-p", "x", "--logit-bias", "x"}).exit_code ==
          2);
  }

  TEST_CASE("chat: each turn carries the conversation so far, reset starts over") {
    test::ScriptedEngine engine(tell_story);
    const test::Outcome outcome = test::run_program({"chat", "--connect", engine.address(), "--system", "S"},
                                                    "one\n\ntwo\n/reset\nthree\n/quit\nnever\n");
    engine.stop();

    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == "Once upon\nOnce upon\nOnce upon\n");
    const std::vector<Generate> requests = requests_of(engine);
    REQUIRE(requests.size() == 3);
    const ChatMessage system = {"system", "S"}, answer = {"assistant", "Once upon"};
    CHECK(requests[0].prompt == Prompt(std::vector<ChatMessage>{system, {"user", "one"}}));
    CHECK(requests[1].prompt == Prompt(std::vector<ChatMessage>{system, {"user", "one"}, answer, {"user", "two"}}));
    CHECK(requests[2].prompt == Prompt(std::vector<ChatMessage>{system, {"user", "three"}}));
    CHECK(requests[0].request_id != requests[1].request_id);
  }

  TEST_CASE("chat: Ctrl-C stops the answer, and ends the conversation where its lines come from a pipe") {
    test::ScriptedEngine engine(tell_endless_story);
    test::Program program({"chat", "--connect", engine.address()}, "one\ntwo\n");
    CHECK(program.read_out_until("Once") == "Once");
    program.send_signal(SIGINT);
    CHECK(program.wait().exit_code == 130);
    engine.stop();

    CHECK(requests_of(engine).size() == 1);
    CHECK(std::holds_alternative<Cancel>(engine.received().back()));
  }

  TEST_CASE("chat: a turn that failed is not remembered, the last failure decides the exit code") {
    test::ScriptedEngine engine([](const ClientMessage& message) -> Answers {
      const auto* request = std::get_if<Generate>(&message);
      if (request == nullptr) return tell_story(message);
      if (std::get<ChatPrompt>(request->prompt).messages.back().content != "bad") return tell_story(message);
      return {Failed{request->request_id, {ErrorCode::kPromptTooLong, "the prompt is too long"}}};
    });
    const test::Outcome outcome = test::run_program({"chat", "--connect", engine.address()}, "bad\ngood\n");
    engine.stop();

    CHECK(outcome.exit_code == 1);
    CHECK(outcome.err == "sluice: prompt_too_long: the prompt is too long\nsluice: /reset starts over\n");
    REQUIRE(requests_of(engine).size() == 2);
    CHECK(requests_of(engine)[1].prompt == Prompt(std::vector<ChatMessage>{{"user", "good"}}));
  }
}

}  // namespace
}  // namespace sluice
