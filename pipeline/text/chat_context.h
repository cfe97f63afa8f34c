// What a chat template sees: the variables that Hugging Face transformers passes it.
//
// Trust: special tokens are the model's own. Of a request nothing is trusted but the well-known roles, which templates
// put into control tokens ("<|" + role + "|>").
// Errors: kInvalidRequest, naming field and reason.
#pragma once

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/messages/client.h"
#include "pipeline/text/jinja/value.h"

namespace sluice {

// bos_token, eos_token, ... of a tokenizer_config.json, each a text or an object with its text. kModelLoadFailed where
// one has no text.
Result<jinja::Dict> special_tokens_of(const nlohmann::json& tokenizer_config);

// messages, tools, documents (none where the request has none), add_generation_prompt and the request's variables.
Result<jinja::Dict> chat_context(const ChatPrompt& chat, const jinja::Dict& special_tokens, bool add_generation_prompt);

}  // namespace sluice
