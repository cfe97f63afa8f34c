// Chat messages to prompt text, as the model was trained on.
//
// Rendering gives segments: what the template itself wrote is trusted, what came with the request is not, so that no
// message, tool or variable can smuggle in a control token (Tokenizer::encode_segments). Templates are Jinja, rendered
// as Hugging Face transformers does (pipeline/text/jinja/, docs/decisions/0021-chat-templates.md).
//
// Thread:     immutable; any thread.
// Errors:     kInvalidRequest: no messages, a malformed role or JSON, contents not UTF-8, and whatever the template
//             refuses or cannot do, naming its line; kInvalidRequest too where the model has no chat template or one
//             that cannot be parsed: text and token ids still work with such a model.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/messages/client.h"
#include "pipeline/text/tokenizer.h"

namespace sluice {

class ChatTemplate {
 public:
  virtual ~ChatTemplate() = default;

  // With `add_generation_prompt` the text ends where the assistant's answer begins.
  virtual Result<std::vector<TextSegment>> render(const ChatPrompt& chat, bool add_generation_prompt) const = 0;
};

// Reads chat_template.jinja of the directory, or else chat_template of its tokenizer_config.json: a text, or a list of
// named ones, of which "tool_use" counts where the request has tools, and "default" else. Fails only where the file is
// malformed; with an absent template, or one that cannot be parsed, it is render() that fails.
Result<std::unique_ptr<const ChatTemplate>> load_chat_template(const std::filesystem::path& model_dir);

// For a model that takes no chats: render() fails with kInvalidRequest and this sentence.
std::unique_ptr<const ChatTemplate> no_chat_template(std::string why);

// The same from the contents of tokenizer_config.json.
Result<std::unique_ptr<const ChatTemplate>> chat_template_from_json(std::string_view tokenizer_config_json);

}  // namespace sluice
