#include "pipeline/text/chat_template.h"

#include <chrono>
#include <optional>

#include "pipeline/text/chat_context.h"
#include "pipeline/text/jinja/template.h"
#include "pipeline/text/json_reading.h"
#include "pipeline/text/text_file.h"

namespace sluice {
namespace {

using json_reading::Json;
using Made = std::unique_ptr<const ChatTemplate>;

std::vector<TextSegment> segments_of(const jinja::Text& text) {
  std::vector<TextSegment> segments;
  std::size_t begin = 0;
  for (const jinja::Piece& piece : text.pieces()) {
    segments.push_back({std::string(text.bytes().substr(begin, piece.end - begin)), piece.is_trusted});
    begin = piece.end;
  }
  return segments;
}

class JinjaTemplate final : public ChatTemplate {
 public:
  JinjaTemplate(jinja::Template main, std::optional<jinja::Template> for_tools, jinja::Dict special_tokens)
      : main_(std::move(main)), for_tools_(std::move(for_tools)), special_tokens_(std::move(special_tokens)) {}

  Result<std::vector<TextSegment>> render(const ChatPrompt& chat, bool add_generation_prompt) const override {
    const auto context = chat_context(chat, special_tokens_, add_generation_prompt);
    if (!context) return context.error();
    const bool has_tools = !context->find("tools")->is(jinja::Kind::kNone);
    const jinja::Template& chosen = has_tools && for_tools_ ? *for_tools_ : main_;
    const auto text = chosen.render(*context, {.now = std::chrono::system_clock::now()});
    if (!text) return Error{text.error().code, "chat template, " + text.error().message};
    return segments_of(*text);
  }

 private:
  jinja::Template main_;
  std::optional<jinja::Template> for_tools_;
  jinja::Dict special_tokens_;
};

// Stands in where a model has no template, or one that cannot be parsed.
class RefusingTemplate final : public ChatTemplate {
 public:
  explicit RefusingTemplate(std::string why) : why_(std::move(why)) {}

  Result<std::vector<TextSegment>> render(const ChatPrompt&, bool) const override {
    return Error{ErrorCode::kInvalidRequest, why_};
  }

 private:
  std::string why_;
};

// The sources of a model's templates; absent ones are empty.
struct Sources {
  std::string_view main;
  std::string_view for_tools;
};

Result<Sources> sources_of(const Json& config, std::string_view name) {
  const Json* source = json_reading::find(config, "chat_template");
  if (source == nullptr) return Sources{};
  if (source->is_string()) return Sources{source->get_ref<const std::string&>(), {}};
  const auto fail = [&] {
    return json_reading::malformed(name, "has a chat_template that is neither a text nor a list of named ones");
  };
  if (!source->is_array()) return fail();
  Sources sources;
  for (const Json& entry : *source) {
    if (!entry.is_object()) return fail();
    const auto key = json_reading::string_at(entry, "name", name);
    const Json* text = json_reading::find(entry, "template");
    if (!key || text == nullptr || !text->is_string()) return fail();
    if (*key == "default") sources.main = text->get_ref<const std::string&>();
    if (*key == "tool_use") sources.for_tools = text->get_ref<const std::string&>();
  }
  return sources;
}

Made refuse_unparsed(const Error& error) {
  return no_chat_template("this model's chat template is not usable, " + error.message + "; send text or token ids");
}

// `template_file` counts before tokenizer_config.json.
Result<Made> from_texts(std::string_view config_json, std::string_view name, std::string_view template_file) {
  const auto config = json_reading::parse(config_json, name);
  if (!config) return config.error();
  auto sources = sources_of(*config, name);
  if (!sources) return sources.error();
  if (!template_file.empty()) sources = Sources{template_file, {}};
  if (sources->main.empty()) return no_chat_template("this model has no chat template; send text or token ids");
  auto special_tokens = special_tokens_of(*config);
  if (!special_tokens) return special_tokens.error();
  auto main = jinja::Template::parse(sources->main);
  if (!main) return refuse_unparsed(main.error());
  std::optional<jinja::Template> for_tools;
  if (!sources->for_tools.empty()) {
    auto parsed = jinja::Template::parse(sources->for_tools);
    if (!parsed) return refuse_unparsed(parsed.error());
    for_tools = std::move(*parsed);
  }
  return Made(std::make_unique<JinjaTemplate>(std::move(*main), std::move(for_tools), std::move(*special_tokens)));
}

}  // namespace

Result<Made> load_chat_template(const std::filesystem::path& model_dir) {
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

Made no_chat_template(std::string why) {
  return std::make_unique<RefusingTemplate>(std::move(why));
}

Result<Made> chat_template_from_json(std::string_view tokenizer_config_json) {
  return from_texts(tokenizer_config_json, "tokenizer_config.json", "");
}

}  // namespace sluice
