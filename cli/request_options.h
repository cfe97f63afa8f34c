// The flags that describe a request, shared by the verbs that send one.
//
// Owns: what the flags said. What was not said stays absent, and means the model's or the engine's default.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/messages/client.h"
#include "cli/key_options.h"
#include "transport/client/client.h"

namespace CLI {
class App;
}

namespace sluice::cli {

struct SamplingFlags {
  bool greedy = false;
  std::optional<float> temperature;
  std::optional<std::uint32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  std::optional<float> presence_penalty;
  std::optional<float> frequency_penalty;
  std::optional<std::uint32_t> choice;
  std::vector<std::string> logit_bias;  // "ID:BIAS"
};

// What a chat template sees besides the messages.
struct TemplateFlags {
  std::string tools_file;              // A JSON list, as chat APIs take it.
  std::vector<std::string> variables;  // "NAME=VALUE"; a VALUE that is JSON is taken as such, else as text.
};

struct RequestOptions {
  std::string connect = "tcp://127.0.0.1:5555";
  std::uint32_t connect_timeout_ms = 5000;
  KeyOptions keys;
  SamplingFlags sampling;
  std::optional<std::uint64_t> seed;
  // All but prompt, sampling and seed.
  Generate request;
};

// Adds the flags to a verb; `options` outlives it.
void add_request_options(CLI::App& verb, RequestOptions& options);

// Adds the flags of verbs that chat.
void add_template_flags(CLI::App& verb, TemplateFlags& flags);

// ChatPrompt.variables as the flags say. kNotFound, kInvalidRequest: a file that cannot be read, or is no JSON list; a
// variable without a name.
Result<std::string> template_variables(const TemplateFlags& flags);

// Connects to the engine as the flags say.
Result<transport::Client> connect_engine(const RequestOptions& options, const std::string& client_name);

// What the flags change of `defaults`; absent where they change nothing. kInvalidRequest: a malformed --logit-bias.
Result<std::optional<SamplingParams>> sampling_of(const SamplingFlags& flags, const SamplingParams& defaults);

// The request that the flags describe, for an engine with these sampling defaults. Its seed is always set (drawn here
// where no flag gives one), so that it can be reported and repeated.
Result<Generate> request_of(const RequestOptions& options, const SamplingParams& defaults);

}  // namespace sluice::cli
