// sluice generate -p "...": one request to a running engine, its answer streamed to standard output.

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "cli/answer_json.h"
#include "cli/generation_stats.h"
#include "cli/interrupt.h"
#include "cli/request_options.h"
#include "cli/trace_json.h"
#include "cli/verbs.h"
#include "transport/client/client.h"

namespace sluice::cli {
namespace {

struct GenerateOptions {
  RequestOptions common;
  std::string prompt;               // "-": standard input.
  std::vector<TokenId> prompt_ids;  // Instead of text.
  TemplateFlags chat_template;
  std::optional<std::string> system;
  bool is_chat = false;
  bool no_special_tokens = false;
  bool json = false;
  bool token_ids = false;
  bool quiet = false;
  std::string trace_file;
};

Result<Prompt> prompt_of(const GenerateOptions& options) {
  if (!options.prompt_ids.empty()) return Prompt(options.prompt_ids);
  Result<std::string> variables = template_variables(options.chat_template);
  if (!variables.ok()) return variables.error();
  std::string text = options.prompt;
  if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
  if (!options.is_chat && !options.system && variables->empty()) return Prompt(std::move(text));
  std::vector<ChatMessage> messages;
  if (options.system) messages.push_back({"system", *options.system});
  messages.push_back({"user", std::move(text)});
  return Prompt(ChatPrompt(std::move(messages), std::move(*variables)));
}

// Writes one piece of output as the flags want it; says whether anyone still reads.
bool print_tokens(const GenerateOptions& options, const Tokens& tokens) {
  if (options.json) {
    std::cout << tokens_json(tokens);
  } else if (options.token_ids) {
    for (std::size_t i = 0; i < tokens.token_ids.size(); ++i) {
      std::cout << (tokens.first_index + i == 0 ? "" : " ") << tokens.token_ids[i];
    }
  } else {
    std::cout << tokens.text;
  }
  std::cout.flush();
  return std::cout.good();
}

ExitCode fail(const GenerateOptions& options, const Error& error) {
  if (options.json) std::cout << failed_json(error) << std::flush;
  return report(error);
}

ExitCode finish(const GenerateOptions& options, const Finished& finished, std::uint64_t seed,
                const GenerationStats& stats) {
  if (!std::cout.good()) return kExitFailure;
  if (options.json) {
    std::cout << finished_json(finished, seed) << std::flush;
  } else {
    std::cout << std::endl;
  }
  if (!options.quiet) std::cerr << "sluice: " << stats.line(finished, seed) << '\n';
  if (!std::cout.good()) return kExitFailure;
  return finished.reason == FinishReason::kCancelled ? kExitInterrupted : kExitOk;
}

// Opened before the request is sent, so that no answer is for nothing.
ExitCode write_trace(std::ofstream& file, const std::string& name, const Finished& finished) {
  file << trace_json(finished) << std::flush;
  if (file.good()) return kExitOk;
  return report({ErrorCode::kInternal, "the trace cannot be written to " + name});
}

ExitCode run_generate(const GenerateOptions& options) {
  std::ofstream trace_file;
  if (!options.trace_file.empty()) {
    trace_file.open(options.trace_file);
    if (!trace_file) {
      report({ErrorCode::kInvalidRequest, "the trace cannot be written to " + options.trace_file});
      return kExitUsage;
    }
  }
  const std::atomic<bool>& interrupted = interrupt_flag();
  const SteadyClock clock;
  Result<transport::Client> client = connect_engine(options.common, "sluice-generate");
  if (!client.ok()) return interrupted ? kExitInterrupted : fail(options, client.error());

  Result<Generate> request = request_of(options.common, client->welcome().sampling_defaults);
  if (!request.ok()) {
    report(request.error());
    return kExitUsage;
  }
  request->request_id = "generate";
  Result<Prompt> prompt = prompt_of(options);
  if (!prompt.ok()) {
    report(prompt.error());
    return kExitUsage;
  }
  request->prompt = *std::move(prompt);
  request->add_special_tokens = !options.no_special_tokens;
  request->trace = !options.trace_file.empty();

  GenerationStats stats(clock.now());
  const auto on_tokens = [&](const Tokens& tokens) {
    if (!tokens.token_ids.empty()) stats.on_tokens(clock.now());
    return print_tokens(options, tokens);
  };
  const Result<Finished> finished = client->generate(*request, on_tokens, &interrupted);
  if (!finished.ok()) return fail(options, finished.error());
  const ExitCode exit_code = finish(options, *finished, *request->seed, stats);
  if (!request->trace) return exit_code;
  const ExitCode written = write_trace(trace_file, options.trace_file, *finished);
  return exit_code == kExitOk ? written : exit_code;
}

constexpr const char* kFooter = R"(
Text streams to standard output, one line of figures follows on standard error. With --json, standard output has one
JSON object per line: "tokens" for each piece, then one "finished" or "failed". Ctrl-C cancels the request, exit code
130.

Examples:
  sluice generate -p "Once upon a time"
  sluice generate -p "Once upon a time" --seed 7 --temperature 0.8 --top-p 0.95 -n 100
  sluice generate --chat -p "Tell me about the sea." --stop "The end"
  sluice generate -p "Once upon a time" --trace trace.json
  echo "Once upon a time" | sluice generate -p - --greedy --json --logprobs
  sluice generate --prompt-ids 0 --prompt-ids 413 --greedy --token-ids)";

}  // namespace

void add_generate(CLI::App& app, ExitCode& exit_code) {
  CLI::App* verb =
      app.add_subcommand("generate", "Send one prompt to a running engine and print the answer as it comes");
  const auto options = std::make_shared<GenerateOptions>();
  auto* prompt = verb->add_option_group("Prompt");
  prompt->add_option("-p,--prompt", options->prompt, "The prompt; '-' reads standard input");
  prompt
      ->add_option("--prompt-ids", options->prompt_ids, "Token ids instead of text, repeatable or separated by commas")
      ->delimiter(',');
  prompt->require_option(1);
  verb->add_flag("--chat", options->is_chat, "The prompt is a user's message, put into the model's chat template");
  verb->add_option("--system", options->system, "System message before it (implies --chat)");
  add_template_flags(*verb, options->chat_template);
  verb->add_flag("--no-special-tokens", options->no_special_tokens, "Do not add a begin-of-text token to the prompt");
  verb->add_flag("--json", options->json, "One JSON object per message instead of text");
  verb->add_flag("--token-ids", options->token_ids, "Print token ids instead of text");
  verb->add_flag("-q,--quiet", options->quiet, "No line of figures");
  verb->add_option("--trace", options->trace_file, "Write the request's time line to a file for ui.perfetto.dev");
  add_request_options(*verb, options->common);
  verb->footer(kFooter);
  verb->callback([options, &exit_code] { exit_code = run_generate(*options); });
}

}  // namespace sluice::cli
