// Chat messages to prompt text, as the model was trained on.
//
// Rendering gives segments: what the template itself wrote is trusted, what users wrote is not, so that no message can
// smuggle in a control token (Tokenizer::encode_segments).
//
// Thread:     immutable; any thread.
// Errors:     kInvalidRequest: no messages, an unknown role, contents not UTF-8; kInvalidRequest too where the model
//             has no chat template or one that is not known: text and token ids still work with such a model.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
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
  virtual Result<std::vector<TextSegment>> render(std::span<const ChatMessage> messages,
                                                  bool add_generation_prompt) const = 0;
};

// Reads chat_template of the directory's tokenizer_config.json (or chat_template.jinja). Fails only where the file is
// malformed; with an absent or unknown template it is render() that fails.
Result<std::unique_ptr<const ChatTemplate>> load_chat_template(const std::filesystem::path& model_dir);

// For a model that takes no chats: render() fails with kInvalidRequest and this sentence.
std::unique_ptr<const ChatTemplate> no_chat_template(std::string why);

// The same from the contents of tokenizer_config.json.
Result<std::unique_ptr<const ChatTemplate>> chat_template_from_json(std::string_view tokenizer_config_json);

}  // namespace sluice
