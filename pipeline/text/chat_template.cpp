#include "pipeline/text/chat_template.h"

#include <array>
#include <string>

#include "pipeline/text/json_reading.h"
#include "pipeline/text/text_file.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

using json_reading::Json;

constexpr std::array<std::string_view, 3> kRoles = {"system", "user", "assistant"};

// The template of the storyteller models, letter by letter.
constexpr std::string_view kTurnMarkersTemplate =
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{{ message['content'] | trim }}"
    "<|end_of_turn|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

Result<void> check_messages(std::span<const ChatMessage> messages) {
  const auto fail = [](const std::string& why) { return Error{ErrorCode::kInvalidRequest, why}; };
  if (messages.empty()) return fail("a chat prompt needs at least one message");
  for (const ChatMessage& message : messages) {
    bool is_known = false;
    for (const std::string_view role : kRoles) is_known = is_known || role == message.role;
    if (!is_known) return fail("unknown role " + in_quotes(message.role) + "; known are system, user, assistant");
    if (!is_valid_utf8(message.content)) return fail("a message's content is not valid UTF-8");
  }
  return {};
}

// "<|user|>content<|end_of_turn|>", each turn alike.
class TurnMarkersTemplate final : public ChatTemplate {
 public:
  explicit TurnMarkersTemplate(std::string bos_token) : bos_token_(std::move(bos_token)) {}

  Result<std::vector<TextSegment>> render(std::span<const ChatMessage> messages,
                                          bool add_generation_prompt) const override {
    if (auto checked = check_messages(messages); !checked) return checked.error();
    std::vector<TextSegment> segments;
    std::string marker = bos_token_;
    for (const ChatMessage& message : messages) {
      marker += "<|" + message.role + "|>";
      segments.push_back({std::move(marker), true});
      segments.push_back({std::string(strip_python(message.content)), false});
      marker = "<|end_of_turn|>";
    }
    if (add_generation_prompt) marker += "<|assistant|>";
    segments.push_back({std::move(marker), true});
    return segments;
  }

 private:
  std::string bos_token_;
};

// Stands in where a model has no template, or one that is not known.
class RefusingTemplate final : public ChatTemplate {
 public:
  explicit RefusingTemplate(std::string why) : why_(std::move(why)) {}

  Result<std::vector<TextSegment>> render(std::span<const ChatMessage>, bool) const override {
    return Error{ErrorCode::kInvalidRequest, why_};
  }

 private:
  std::string why_;
};

Result<std::unique_ptr<const ChatTemplate>> make_template(const Json& config, std::string_view source) {
  using Made = std::unique_ptr<const ChatTemplate>;
  if (source != kTurnMarkersTemplate) {
    return Made(
        std::make_unique<RefusingTemplate>("this model's chat template is not one of the known ones, and the "
                                           "general template engine is not there yet; send text or token ids"));
  }
  const Json* bos_token = json_reading::find(config, "bos_token");
  if (bos_token != nullptr && bos_token->is_object()) bos_token = json_reading::find(*bos_token, "content");
  if (bos_token == nullptr) return Made(std::make_unique<TurnMarkersTemplate>(""));
  if (!bos_token->is_string())
    return json_reading::malformed("tokenizer_config.json", "has a bos_token without a text");
  return Made(std::make_unique<TurnMarkersTemplate>(bos_token->get_ref<const std::string&>()));
}

// `template_file` counts where tokenizer_config.json itself has no template.
Result<std::unique_ptr<const ChatTemplate>> from_texts(std::string_view config_json, std::string_view name,
                                                       std::string_view template_file) {
  const auto config = json_reading::parse(config_json, name);
  if (!config) return config.error();
  const Json* source = json_reading::find(*config, "chat_template");
  if (source != nullptr && source->is_string()) return make_template(*config, source->get_ref<const std::string&>());
  if (source != nullptr) return make_template(*config, "");  // A list of named templates.
  if (!template_file.empty()) return make_template(*config, template_file);
  return std::unique_ptr<const ChatTemplate>(
      std::make_unique<RefusingTemplate>("this model has no chat template; send text or token ids"));
}

}  // namespace

Result<std::unique_ptr<const ChatTemplate>> load_chat_template(const std::filesystem::path& model_dir) {
  const auto path = model_dir / "tokenizer_config.json";
  const auto config = read_text_file(path, kTokenizerJsonBytesMax);
  if (!config) return config.error();
  std::string template_file;
  std::error_code code;
  if (std::filesystem::exists(model_dir / "chat_template.jinja", code)) {
    auto read = read_text_file(model_dir / "chat_template.jinja", kTokenizerJsonBytesMax);
    if (!read) return read.error();
    template_file = std::move(*read);
  }
  return from_texts(*config, path.string(), template_file);
}

std::unique_ptr<const ChatTemplate> no_chat_template(std::string why) {
  return std::make_unique<RefusingTemplate>(std::move(why));
}

Result<std::unique_ptr<const ChatTemplate>> chat_template_from_json(std::string_view tokenizer_config_json) {
  return from_texts(tokenizer_config_json, "tokenizer_config.json", "");
}

}  // namespace sluice
