#include "cli/answer_json.h"

#include <array>

#include <nlohmann/json.hpp>

namespace sluice::cli {
namespace {

using Json = nlohmann::ordered_json;

// Text of the engine is UTF-8; should it not be, the broken bytes are replaced instead of the program ended.
std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string hex_of(std::uint64_t digest) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out(16, '0');
  for (std::size_t i = out.size(); i-- > 0; digest >>= 4) out[i] = kHex[digest & 15];
  return out;
}

Json logprobs_of(const TokenLogprobs& logprobs) {
  Json json = {{"logprob", logprobs.logprob}};
  for (const TopLogprob& top : logprobs.top) json["top"].push_back({{"token_id", top.token}, {"logprob", top.logprob}});
  // A string: a 64-bit number does not survive every JSON reader.
  if (logprobs.digest != 0) json["digest"] = hex_of(logprobs.digest);
  return json;
}

}  // namespace

std::string tokens_json(const Tokens& tokens) {
  Json json = {
      {"type", "tokens"}, {"first_index", tokens.first_index}, {"token_ids", tokens.token_ids}, {"text", tokens.text}};
  for (const TokenLogprobs& logprobs : tokens.logprobs) json["logprobs"].push_back(logprobs_of(logprobs));
  return line_of(json);
}

std::string finished_json(const Finished& finished, std::uint64_t seed) {
  Json json = {{"type", "finished"},
               {"reason", to_string(finished.reason)},
               {"seed", seed},
               {"usage",
                {{"prompt_tokens", finished.usage.prompt_tokens},
                 {"output_tokens", finished.usage.output_tokens},
                 {"cached_tokens", finished.usage.cached_tokens}}},
               {"times",
                {{"tokenize_us", finished.times.tokenize_us},
                 {"queue_us", finished.times.queue_us},
                 {"prefill_us", finished.times.prefill_us},
                 {"decode_us", finished.times.decode_us}}}};
  if (!finished.prompt_logprobs.empty()) json["prompt_logprobs"] = finished.prompt_logprobs;
  return line_of(json);
}

std::string failed_json(const Error& error) {
  return line_of({{"type", "failed"},
                  {"code", to_string(error.code)},
                  {"message", error.message},
                  {"retryable", is_retryable(error.code)},
                  {"retry_after_ms", error.retry_after_ms}});
}

}  // namespace sluice::cli
