#include "pipeline/request/limits.h"

#include <cmath>
#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

template <class... Parts>
Error invalid(const Parts&... parts) {
  std::ostringstream sentence;
  (sentence << ... << parts);
  return {ErrorCode::kInvalidRequest, sentence.str(), 0};
}

// Offset of the first byte that is no UTF-8, or npos.
std::size_t find_malformed_utf8(std::string_view text) {
  if (is_valid_utf8(text)) return std::string_view::npos;
  std::size_t at = 0;
  while (at < text.size()) {
    const Utf8Step step = next_utf8(text.substr(at));
    if (step.kind != Utf8Kind::kCharacter) return at;
    at += step.size_bytes;
  }
  return std::string_view::npos;
}

Result<void> check_utf8(std::string_view name, std::string_view text) {
  const std::size_t at = find_malformed_utf8(text);
  if (at == std::string_view::npos) return {};
  return invalid(name, " is not UTF-8: byte ", at, " of ", text.size(), " cannot be part of a character");
}

Result<void> check_size(std::string_view name, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) return invalid(name, " has ", text.size(), " bytes, limit ", bytes_max);
  return {};
}

// Written so that NaN fails.
Result<void> check_range(std::string_view name, float value, float low, float high) {
  if (value >= low && value <= high) return {};
  return invalid(name, " is ", value, ", must be from ", low, " to ", high);
}

Result<void> check_above_zero(std::string_view name, float value, float high) {
  if (value > 0.0f && value <= high) return {};
  return invalid(name, " is ", value, ", must be above 0 and at most ", high);
}

Result<void> check_token(std::string_view name, std::size_t index, TokenId token, const RequestLimits& limits) {
  if (token < 0) return invalid(name, "[", index, "] is ", token, ", must not be negative");
  if (limits.vocabulary_tokens != 0 && static_cast<std::uint32_t>(token) >= limits.vocabulary_tokens) {
    return invalid(name, "[", index, "] is ", token, ", the vocabulary has ", limits.vocabulary_tokens, " tokens");
  }
  return {};
}

Result<void> check_prompt_text(const std::string& text, const RequestLimits& limits) {
  if (text.empty()) return invalid("prompt is empty");
  if (auto size = check_size("prompt", text, limits.prompt_bytes_max); !size) return size;
  return check_utf8("prompt", text);
}

Result<void> check_prompt_ids(const std::vector<TokenId>& ids, const RequestLimits& limits) {
  if (ids.empty()) return invalid("prompt is empty");
  if (ids.size() > limits.prompt_tokens_max) {
    return invalid("prompt has ", ids.size(), " token ids, limit ", limits.prompt_tokens_max);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (auto token = check_token("prompt", i, ids[i], limits); !token) return token;
  }
  return {};
}

Result<void> check_prompt_chat(const ChatPrompt& prompt, const RequestLimits& limits) {
  const std::vector<ChatMessage>& chat = prompt.messages;
  if (chat.empty()) return invalid("prompt has no chat messages");
  if (chat.size() > limits.chat_messages_max) {
    return invalid("prompt has ", chat.size(), " chat messages, limit ", limits.chat_messages_max);
  }
  std::size_t total_bytes = prompt.variables.size();
  if (auto size = check_size("variables of the chat template", prompt.variables, limits.prompt_bytes_max); !size) {
    return size;
  }
  if (auto utf8 = check_utf8("variables of the chat template", prompt.variables); !utf8) return utf8;
  for (std::size_t i = 0; i < chat.size(); ++i) {
    const ChatMessage& message = chat[i];
    if (!is_chat_role(message.role)) {
      return invalid("role of chat message ", i, " must be 1 to 64 letters, digits, - and _");
    }
    total_bytes += message.role.size() + message.content.size() + message.fields.size();
    if (total_bytes > limits.prompt_bytes_max) {
      return invalid("chat messages 0 to ", i, " have ", total_bytes, " bytes, limit ", limits.prompt_bytes_max);
    }
    if (auto utf8 = check_utf8("content of chat message " + std::to_string(i), message.content); !utf8) return utf8;
    if (auto utf8 = check_utf8("fields of chat message " + std::to_string(i), message.fields); !utf8) return utf8;
  }
  return {};
}

Result<void> check_prompt(const Prompt& prompt, const RequestLimits& limits) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return check_prompt_text(*text, limits);
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&prompt)) return check_prompt_ids(*ids, limits);
  return check_prompt_chat(std::get<ChatPrompt>(prompt), limits);
}

Result<void> check_stops(const Generate& generate, const RequestLimits& limits) {
  if (generate.stop.size() > RequestLimits::kStopStrings) {
    return invalid("stop has ", generate.stop.size(), " strings, limit ", RequestLimits::kStopStrings);
  }
  for (std::size_t i = 0; i < generate.stop.size(); ++i) {
    const std::string name = "stop[" + std::to_string(i) + "]";
    if (generate.stop[i].empty()) return invalid(name, " is empty");
    if (auto size = check_size(name, generate.stop[i], RequestLimits::kStopBytes); !size) return size;
    if (auto utf8 = check_utf8(name, generate.stop[i]); !utf8) return utf8;
  }
  if (generate.stop_token_ids.size() > RequestLimits::kStopTokens) {
    return invalid("stop_token_ids has ", generate.stop_token_ids.size(), " ids, limit ", RequestLimits::kStopTokens);
  }
  for (std::size_t i = 0; i < generate.stop_token_ids.size(); ++i) {
    if (auto token = check_token("stop_token_ids", i, generate.stop_token_ids[i], limits); !token) return token;
  }
  return {};
}

}  // namespace

Result<void> check_request_id(std::string_view request_id) {
  if (request_id.empty()) return invalid("request_id is empty");
  if (auto size = check_size("request_id", request_id, RequestLimits::kRequestIdBytes); !size) return size;
  return check_utf8("request_id", request_id);
}

Result<void> check_hello(const Hello& hello) {
  if (auto size = check_size("client_name", hello.client_name, RequestLimits::kClientNameBytes); !size) return size;
  return check_utf8("client_name", hello.client_name);
}

Result<void> check_sampling(const SamplingParams& sampling, const RequestLimits& limits) {
  if (auto range = check_range("temperature", sampling.temperature, 0, 100); !range) return range;
  if (limits.vocabulary_tokens != 0 && sampling.top_k > limits.vocabulary_tokens) {
    return invalid("top_k is ", sampling.top_k, ", the vocabulary has ", limits.vocabulary_tokens, " tokens");
  }
  if (auto range = check_above_zero("top_p", sampling.top_p, 1); !range) return range;
  if (auto range = check_range("min_p", sampling.min_p, 0, 1); !range) return range;
  if (auto range = check_above_zero("repetition_penalty", sampling.repetition_penalty, 100); !range) return range;
  if (auto range = check_range("presence_penalty", sampling.presence_penalty, -2, 2); !range) return range;
  if (auto range = check_range("frequency_penalty", sampling.frequency_penalty, -2, 2); !range) return range;
  if (sampling.logit_bias.size() > RequestLimits::kLogitBiases) {
    return invalid("logit_bias has ", sampling.logit_bias.size(), " entries, limit ", RequestLimits::kLogitBiases);
  }
  for (std::size_t i = 0; i < sampling.logit_bias.size(); ++i) {
    const LogitBias& bias = sampling.logit_bias[i];
    if (auto token = check_token("logit_bias", i, bias.token, limits); !token) return token;
    if (auto range = check_range("logit_bias of token " + std::to_string(bias.token), bias.bias, -100, 100); !range) {
      return range;
    }
  }
  return {};
}

Result<void> check_generate(const Generate& generate, const RequestLimits& limits) {
  if (auto id = check_request_id(generate.request_id); !id) return id;
  if (auto prompt = check_prompt(generate.prompt, limits); !prompt) return prompt;
  if (generate.sampling) {
    if (auto sampling = check_sampling(*generate.sampling, limits); !sampling) return sampling;
  }
  if (generate.max_tokens == 0) return invalid("max_tokens is 0, must be 1 or more");
  if (generate.max_tokens > limits.max_tokens_max) {
    return invalid("max_tokens is ", generate.max_tokens, ", limit ", limits.max_tokens_max);
  }
  if (auto stops = check_stops(generate, limits); !stops) return stops;
  if (generate.logprobs.top > RequestLimits::kTopLogprobs) {
    return invalid("logprobs.top is ", generate.logprobs.top, ", limit ", RequestLimits::kTopLogprobs);
  }
  if (generate.priority < -100 || generate.priority > 100) {
    return invalid("priority is ", generate.priority, ", must be from -100 to 100");
  }
  if (auto size = check_size("tenant", generate.tenant, RequestLimits::kTenantBytes); !size) return size;
  if (auto utf8 = check_utf8("tenant", generate.tenant); !utf8) return utf8;
  if (generate.resume_grace_ms > limits.resume_grace_ms_max) {
    return invalid("resume_grace_ms is ", generate.resume_grace_ms, ", limit ", limits.resume_grace_ms_max);
  }
  return {};
}

Result<void> check_attach(const Attach& attach) {
  return check_request_id(attach.request_id);
}
Result<void> check_cancel(const Cancel& cancel) {
  return check_request_id(cancel.request_id);
}
Result<void> check_credit(const Credit& credit) {
  return check_request_id(credit.request_id);
}

}  // namespace sluice
