#include "pipeline/text/prompt_encoder.h"

#include <string>
#include <variant>

namespace sluice {
namespace {

Error invalid(const std::string& why) {
  return {ErrorCode::kInvalidRequest, why};
}

Result<std::vector<TokenId>> encode_chat(const ChatPrompt& chat, EncodeOptions options, const Tokenizer& tokenizer,
                                         const ChatTemplate& chat_template) {
  auto segments = chat_template.render(chat, /*add_generation_prompt=*/true);
  if (!segments) return segments.error();
  if (options.parse_special_tokens) {
    for (TextSegment& segment : *segments) segment.is_trusted = true;
  }
  return tokenizer.encode_segments(*segments, /*add_special_tokens=*/false);
}

Result<std::vector<TokenId>> encode_any(const Prompt& prompt, EncodeOptions options, const Tokenizer& tokenizer,
                                        const ChatTemplate& chat_template) {
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    if (text->empty()) return invalid("the prompt is empty");
    return tokenizer.encode(*text, options);
  }
  if (const auto* chat = std::get_if<ChatPrompt>(&prompt)) {
    return encode_chat(*chat, options, tokenizer, chat_template);
  }
  return std::get<std::vector<TokenId>>(prompt);
}

}  // namespace

Result<std::vector<TokenId>> encode_prompt(const Prompt& prompt, EncodeOptions options, const Tokenizer& tokenizer,
                                           const ChatTemplate& chat_template, PromptLimits limits) {
  auto ids = encode_any(prompt, options, tokenizer, chat_template);
  if (!ids) return ids;
  if (ids->empty()) return invalid("the prompt is empty");
  if (ids->size() >= limits.context_tokens) {
    return Error{ErrorCode::kPromptTooLong, "prompt has " + std::to_string(ids->size()) +
                                                " tokens, the context holds " + std::to_string(limits.context_tokens) +
                                                " together with the output"};
  }
  for (const TokenId id : *ids) {
    if (id >= 0 && id < limits.vocab_size) continue;
    return invalid("prompt has the token id " + std::to_string(id) + ", the vocabulary ends at " +
                   std::to_string(limits.vocab_size - 1));
  }
  return ids;
}

}  // namespace sluice
