// The prompt of a request, in whichever form it came, to token ids that the model can take.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/messages/client.h"
#include "pipeline/text/chat_template.h"
#include "pipeline/text/tokenizer.h"

namespace sluice {

struct PromptLimits {
  TokenId vocab_size = 0;            // Of the model: its embedding rows.
  std::uint32_t context_tokens = 0;  // Prompt and output together.
};

// Text is encoded with `options`; token ids are taken as they are; chat messages are rendered up to the assistant's
// turn, and options.add_special_tokens does not apply to them (the template writes what it wants). kInvalidRequest: not
// UTF-8, an id outside the vocabulary, no tokens at all, an unknown role. kPromptTooLong: no room for even one output
// token.
Result<std::vector<TokenId>> encode_prompt(const Prompt& prompt, EncodeOptions options, const Tokenizer& tokenizer,
                                           const ChatTemplate& chat_template, PromptLimits limits);

}  // namespace sluice
