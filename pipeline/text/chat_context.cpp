#include "pipeline/text/chat_context.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "pipeline/text/jinja/json_value.h"
#include "pipeline/text/json_reading.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

using jinja::Dict;
using jinja::Kind;
using jinja::Text;
using jinja::Value;
using json_reading::Json;

constexpr std::array<std::string_view, 7> kTrustedRoles = {"system",    "user",     "assistant", "tool",
                                                           "developer", "function", "ipython"};
constexpr std::array<const char*, 7> kSpecialTokens = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                       "pad_token", "cls_token", "mask_token"};

Error invalid(const std::string& why) {
  return {ErrorCode::kInvalidRequest, why};
}

Value text_of(std::string_view bytes, bool is_trusted) {
  return Value::of_text(Text(std::string(bytes), is_trusted));
}

// The text of a token given as such or as an object; null: it is neither.
const std::string* token_text(const Json& token) {
  const Json* content = token.is_object() ? json_reading::find(token, "content") : &token;
  return content != nullptr && content->is_string() ? &content->get_ref<const std::string&>() : nullptr;
}

// The entries of a JSON object that came with the request; an empty text has none.
Result<Dict> object_of(const std::string& json, const std::string& name) {
  if (json.empty()) return Dict();
  auto value = jinja::value_of_json(json, name, /*is_trusted=*/false);
  if (!value) return value.error();
  if (!value->is_dict()) return invalid(name + " must be a JSON object");
  return value->as_dict();
}

Result<Value> message_value(const ChatMessage& message, std::size_t index) {
  const std::string name = "chat message " + std::to_string(index);
  if (!is_chat_role(message.role)) return invalid("role of " + name + " must be 1 to 64 letters, digits, - and _");
  if (!is_valid_utf8(message.content)) return invalid("content of " + name + " is not UTF-8");
  const auto fields = object_of(message.fields, "fields of " + name);
  if (!fields) return fields.error();
  if (fields->find("role") != nullptr) return invalid("fields of " + name + " must not have a role");
  const bool is_trusted = std::find(kTrustedRoles.begin(), kTrustedRoles.end(), message.role) != kTrustedRoles.end();
  Dict value;
  value.set("role", text_of(message.role, is_trusted));
  value.set("content", text_of(message.content, /*is_trusted=*/false));
  // By the key itself, for it remembers that it came from outside.
  for (const auto& [key, field] : fields->entries()) static_cast<void>(value.set(key, field));
  return Value::of_dict(std::move(value));
}

}  // namespace

Result<Dict> special_tokens_of(const Json& tokenizer_config) {
  Dict tokens;
  const auto no_text = [](const std::string& name) {
    return json_reading::malformed("tokenizer_config.json", "has a " + name + " without a text");
  };
  for (const char* name : kSpecialTokens) {
    const Json* token = json_reading::find(tokenizer_config, name);
    if (token == nullptr) continue;
    const std::string* text = token_text(*token);
    if (text == nullptr) return no_text(name);
    tokens.set(name, text_of(*text, /*is_trusted=*/true));
  }
  const Json* additional = json_reading::find(tokenizer_config, "additional_special_tokens");
  if (additional == nullptr || !additional->is_array()) return tokens;
  std::vector<Value> values;
  for (const Json& token : *additional) {
    const std::string* text = token_text(token);
    if (text == nullptr) return no_text("token in additional_special_tokens");
    values.push_back(text_of(*text, /*is_trusted=*/true));
  }
  tokens.set("additional_special_tokens", Value::of_sequence(Kind::kList, std::move(values)));
  return tokens;
}

Result<Dict> chat_context(const ChatPrompt& chat, const Dict& special_tokens, bool add_generation_prompt) {
  if (chat.messages.empty()) return invalid("a chat prompt needs at least one message");
  std::vector<Value> messages;
  for (const ChatMessage& message : chat.messages) {
    auto value = message_value(message, messages.size());
    if (!value) return value.error();
    messages.push_back(std::move(*value));
  }
  const auto variables = object_of(chat.variables, "variables of the chat template");
  if (!variables) return variables.error();
  if (variables->find("messages") != nullptr) return invalid("variables of the chat template must not be messages");
  Dict context = special_tokens;
  context.set("messages", Value::of_sequence(Kind::kList, std::move(messages)));
  context.set("tools", Value::none());
  context.set("documents", Value::none());
  context.set("add_generation_prompt", Value::of_bool(add_generation_prompt));
  for (const auto& [key, value] : variables->entries()) static_cast<void>(context.set(key, value));
  return context;
}

}  // namespace sluice
