// sluice chat: a conversation with a running engine, from the terminal or from lines of standard input.

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/interrupt.h"
#include "cli/request_options.h"
#include "cli/verbs.h"
#include "transport/client/client.h"

namespace sluice::cli {
namespace {

struct ChatOptions {
  RequestOptions common;
  TemplateFlags chat_template;
  std::optional<std::string> system;
};

// One conversation over one connection.
//
// Owns:       the connection and the history, which always ends with an answer (or is the system message alone).
// Invariant:  a turn that fails leaves the history as it was.
class Conversation {
 public:
  Conversation(transport::Client client, const ChatOptions& options, Generate request, std::string variables)
      : client_(std::move(client)), options_(options), request_(std::move(request)), variables_(std::move(variables)) {
    reset();
  }

  void reset() {
    history_.clear();
    if (options_.system) history_.push_back({"system", *options_.system});
  }

  // Sends the history and this line, prints the answer as it comes. An Error ends the conversation only where it says
  // that the engine is gone.
  Result<Finished> say(const std::string& line, const std::atomic<bool>& interrupted) {
    std::vector<ChatMessage> messages = history_;
    messages.push_back({"user", line});
    request_.request_id = "turn-" + std::to_string(++turns_);
    request_.prompt = ChatPrompt(messages, variables_);
    std::string answer;
    Result<Finished> finished = client_.generate(
        request_,
        [&](const Tokens& tokens) {
          answer += tokens.text;
          std::cout << tokens.text << std::flush;
          return std::cout.good();
        },
        &interrupted);
    if (!finished.ok() || finished->reason == FinishReason::kCancelled) return finished;
    messages.push_back({"assistant", std::move(answer)});
    history_ = std::move(messages);
    return finished;
  }

  const Welcome& welcome() const { return client_.welcome(); }

 private:
  transport::Client client_;
  const ChatOptions& options_;
  Generate request_;
  std::string variables_;  // Of the chat template.
  std::vector<ChatMessage> history_;
  std::uint64_t turns_ = 0;
};

enum class Next : std::uint8_t { kGoOn, kQuit };

Next run_command(const std::string& line, Conversation& conversation) {
  if (line == "/quit" || line == "/exit") return Next::kQuit;
  if (line == "/reset") {
    conversation.reset();
    std::cerr << "sluice: the conversation starts over\n";
  } else {
    if (line != "/help") std::cerr << "sluice: unknown command " << line << '\n';
    std::cerr << "  /reset   forget the conversation\n  /quit    leave (so does the end of input)\n  /help    this\n";
  }
  return Next::kGoOn;
}

ExitCode converse(Conversation& conversation) {
  std::atomic<bool>& interrupted = interrupt_flag();
  const bool is_terminal = isatty(STDIN_FILENO) == 1;
  if (is_terminal) std::cerr << "sluice: talking to " << conversation.welcome().model << "; /help lists the commands\n";
  ExitCode worst = kExitOk;
  std::string line;
  while (true) {
    if (is_terminal) std::cout << "> " << std::flush;
    if (!std::getline(std::cin, line)) return interrupted ? kExitInterrupted : worst;
    if (line.empty()) continue;
    if (line.front() == '/') {
      if (run_command(line, conversation) == Next::kQuit) return worst;
      continue;
    }
    const Result<Finished> finished = conversation.say(line, interrupted);
    std::cout << std::endl;
    if (!std::cout.good()) return kExitFailure;
    if (!finished.ok()) {
      worst = report(finished.error());
      if (finished.error().code == ErrorCode::kTransportLost) return worst;
      if (finished.error().code == ErrorCode::kPromptTooLong) std::cerr << "sluice: /reset starts over\n";
    } else if (interrupted.exchange(false) && !is_terminal) {
      return kExitInterrupted;
    }
  }
}

ExitCode run_chat(const ChatOptions& options) {
  Result<std::string> variables = template_variables(options.chat_template);
  if (!variables.ok()) {
    report(variables.error());
    return kExitUsage;
  }
  const std::atomic<bool>& interrupted = interrupt_flag();
  Result<transport::Client> client = connect_engine(options.common, "sluice-chat");
  if (!client.ok()) return interrupted ? kExitInterrupted : report(client.error());
  Result<Generate> request = request_of(options.common, client->welcome().sampling_defaults);
  if (!request.ok()) {
    report(request.error());
    return kExitUsage;
  }
  Conversation conversation(std::move(client).value(), options, std::move(request).value(), *variables);
  return converse(conversation);
}

constexpr const char* kFooter = R"(
Each line is one message; the answer streams, and both become part of the conversation. Ctrl-C stops an answer, which
is then forgotten; /reset forgets the whole conversation, /quit or the end of input leaves. Lines may come from a pipe:
then the exit code is that of the last message that failed.

Examples:
  sluice chat --system "You tell short stories."
  sluice chat --tools tools.json --var enable_thinking=false
  printf 'Tell me a story.\nAnd another one.\n' | sluice chat --greedy -n 100)";

}  // namespace

void add_chat(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb = app.add_subcommand("chat", "Talk with a running engine, using the model's chat template");
  const auto options = std::make_shared<ChatOptions>();
  verb->add_option("--system", options->system, "System message at the start of the conversation");
  add_template_flags(*verb, options->chat_template);
  add_request_options(*verb, options->common);
  verb->footer(kFooter);
  verb->callback([options, &exit_code] { exit_code = run_chat(*options); });
}

}  // namespace sluice::cli
