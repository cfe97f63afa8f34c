#include "cli/request_options.h"

#include <charconv>
#include <random>
#include <string_view>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "pipeline/model/json_reader.h"

namespace sluice::cli {
namespace {

constexpr const char* kSampling = "Sampling (what is not given is the model's default)";
constexpr const char* kOutput = "Length and end";
constexpr const char* kLogprobs = "Log-probabilities";
constexpr const char* kService = "Service";
constexpr const char* kTemplate = "Chat template";

constexpr std::size_t kToolsFileBytesMax = 1u << 20;

void add_sampling_flags(CLI::App& verb, SamplingFlags& flags) {
  verb.add_flag("--greedy", flags.greedy, "The most likely token each time; same as --temperature 0")->group(kSampling);
  verb.add_option("--temperature", flags.temperature, "0 to 100; 0 is greedy")->group(kSampling);
  verb.add_option("--top-k", flags.top_k, "Keep the K most likely tokens; 0 keeps all")->group(kSampling);
  verb.add_option("--top-p", flags.top_p, "Keep the smallest set of this probability; above 0, at most 1")
      ->group(kSampling);
  verb.add_option("--min-p", flags.min_p, "Drop tokens below this share of the best one's probability; 0 to 1")
      ->group(kSampling);
  verb.add_option("--repetition-penalty", flags.repetition_penalty, "Above 0, at most 100; 1 changes nothing")
      ->group(kSampling);
  verb.add_option("--presence-penalty", flags.presence_penalty, "-2 to 2")->group(kSampling);
  verb.add_option("--frequency-penalty", flags.frequency_penalty, "-2 to 2")->group(kSampling);
  verb.add_option("--logit-bias", flags.logit_bias, "ID:BIAS, repeatable; -100 to 100")->group(kSampling);
  verb.add_option("--choice", flags.choice, "Which of several continuations of one seed")->group(kSampling);
}

// The variable that "NAME=VALUE" sets.
Result<void> set_variable(nlohmann::ordered_json& variables, const std::string& flag) {
  const std::size_t equals = flag.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Error{ErrorCode::kInvalidRequest, "--var must be NAME=VALUE, not '" + flag + "'"};
  }
  const std::string value = flag.substr(equals + 1);
  auto parsed = nlohmann::ordered_json::parse(value, nullptr, /*allow_exceptions=*/false);
  variables[flag.substr(0, equals)] = parsed.is_discarded() ? nlohmann::ordered_json(value) : std::move(parsed);
  return {};
}

void add_output_flags(CLI::App& verb, Generate& request) {
  verb.add_option("-n,--max-tokens", request.max_tokens, "At most so many tokens")
      ->capture_default_str()
      ->group(kOutput);
  verb.add_option("--stop", request.stop, "End before this text, repeatable")->group(kOutput);
  verb.add_option("--stop-token-id", request.stop_token_ids, "End at this token, repeatable")->group(kOutput);
  verb.add_flag("--ignore-eos", request.ignore_eos, "Go on past the model's end of text")->group(kOutput);
  verb.add_flag("--parse-special-tokens", request.parse_special_tokens,
                "Take control tokens written in the prompt, such as <|user|>, as control tokens")
      ->group(kOutput);
  verb.add_flag("--logprobs", request.logprobs.output, "Report the log-probability of each output token (with --json)")
      ->group(kLogprobs);
  verb.add_option("--top-logprobs", request.logprobs.top, "Besides, the N most likely tokens; at most 20")
      ->group(kLogprobs);
  verb.add_flag("--prompt-logprobs", request.logprobs.prompt, "Report those of the prompt's tokens")->group(kLogprobs);
  verb.add_flag("--digest", request.logprobs.digest, "Report a hash of the logits, to compare bits between engines")
      ->group(kLogprobs);
}

void add_service_flags(CLI::App& verb, RequestOptions& options) {
  verb.add_option("--connect", options.connect, "Address of the engine")->capture_default_str()->group(kService);
  verb.add_option("--connect-timeout-ms", options.connect_timeout_ms, "How long to wait for an engine to answer")
      ->capture_default_str()
      ->group(kService);
  add_key_options(verb, options.keys, kService);
  verb.add_option("--deadline-ms", options.request.deadline_ms, "Time for the whole request; 0: none")->group(kService);
  verb.add_option("--priority", options.request.priority, "-100 to 100; larger goes first")->group(kService);
  verb.add_option("--tenant", options.request.tenant, "Name carried with the request")->group(kService);
  verb.add_option("--resume-grace-ms", options.request.resume_grace_ms, "How long the request outlives its connection")
      ->group(kService);
}

// Copies a flag's value over the default; says whether there was one.
template <class T>
bool apply(const std::optional<T>& flag, T& value) {
  if (flag) value = *flag;
  return flag.has_value();
}

// The whole text as one number.
template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

Result<LogitBias> parse_logit_bias(std::string_view text) {
  const std::size_t colon = text.find(':');
  LogitBias bias;
  if (colon != std::string_view::npos && parse_number(text.substr(0, colon), bias.token) &&
      parse_number(text.substr(colon + 1), bias.bias)) {
    return bias;
  }
  return Error{ErrorCode::kInvalidRequest, "--logit-bias takes ID:BIAS, not '" + std::string(text) + "'"};
}

std::uint64_t draw_seed() {
  std::random_device device;
  return std::uniform_int_distribution<std::uint64_t>()(device);
}

}  // namespace

void add_request_options(CLI::App& verb, RequestOptions& options) {
  add_sampling_flags(verb, options.sampling);
  verb.add_option("--seed", options.seed, "Same seed, same text; drawn and reported if absent")->group(kSampling);
  add_output_flags(verb, options.request);
  add_service_flags(verb, options);
}

void add_template_flags(CLI::App& verb, TemplateFlags& flags) {
  verb.add_option("--tools", flags.tools_file, "File with a JSON list of the tools that the model may call")
      ->group(kTemplate);
  verb.add_option("--var", flags.variables,
                  "NAME=VALUE, repeatable; a variable of the chat template: enable_thinking=false")
      ->group(kTemplate);
}

Result<std::string> template_variables(const TemplateFlags& flags) {
  auto variables = nlohmann::ordered_json::object();
  if (!flags.tools_file.empty()) {
    const Result<std::string> text = read_small_file(flags.tools_file, kToolsFileBytesMax);
    if (!text.ok()) return Error{ErrorCode::kNotFound, text.error().message};
    auto tools = nlohmann::ordered_json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!tools.is_array()) return Error{ErrorCode::kInvalidRequest, flags.tools_file + " is no JSON list"};
    variables["tools"] = std::move(tools);
  }
  for (const std::string& flag : flags.variables) {
    if (auto set = set_variable(variables, flag); !set) return set.error();
  }
  if (variables.empty()) return std::string();
  return variables.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<transport::Client> connect_engine(const RequestOptions& options, const std::string& client_name) {
  auto keys = read_keys(options.keys);
  if (!keys.ok()) return std::move(keys).error();
  transport::ClientOptions client;
  client.client_name = client_name;
  client.connect_timeout = std::chrono::milliseconds(options.connect_timeout_ms);
  client.keys = std::move(keys->keys);
  client.server_key = keys->server_key;
  return transport::Client::connect(options.connect, client);
}

Result<std::optional<SamplingParams>> sampling_of(const SamplingFlags& flags, const SamplingParams& defaults) {
  SamplingParams params = defaults;
  bool changed = apply(flags.temperature, params.temperature);
  changed |= apply(flags.top_k, params.top_k);
  changed |= apply(flags.top_p, params.top_p);
  changed |= apply(flags.min_p, params.min_p);
  changed |= apply(flags.repetition_penalty, params.repetition_penalty);
  changed |= apply(flags.presence_penalty, params.presence_penalty);
  changed |= apply(flags.frequency_penalty, params.frequency_penalty);
  changed |= apply(flags.choice, params.choice);
  if (flags.greedy) {
    params.temperature = 0;
    changed = true;
  }
  if (!flags.logit_bias.empty()) params.logit_bias.clear();
  for (const std::string& text : flags.logit_bias) {
    const Result<LogitBias> bias = parse_logit_bias(text);
    if (!bias.ok()) return bias.error();
    params.logit_bias.push_back(*bias);
    changed = true;
  }
  return changed ? std::optional(params) : std::nullopt;
}

Result<Generate> request_of(const RequestOptions& options, const SamplingParams& defaults) {
  Generate request = options.request;
  Result<std::optional<SamplingParams>> sampling = sampling_of(options.sampling, defaults);
  if (!sampling.ok()) return std::move(sampling).error();
  request.sampling = std::move(sampling).value();
  request.seed = options.seed ? options.seed : draw_seed();
  return request;
}

}  // namespace sluice::cli
