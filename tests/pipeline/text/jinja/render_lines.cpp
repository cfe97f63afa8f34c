// Renders what it reads: a JSON object a line, {"template": "...", "context": {...}}, answered by a line
// {"text": "..."} or {"error": "..."}. differential.py compares the answers with those of Python's jinja2.
//
// The context counts as untrusted. U+E000 stands for what a client must not smuggle: where one comes out trusted, the
// answer is an error.
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "pipeline/text/jinja/json_value.h"
#include "pipeline/text/jinja/template.h"

namespace {

using Json = nlohmann::ordered_json;
using namespace sluice;

bool smuggles(const jinja::Text& text) {
  std::size_t begin = 0;
  for (const jinja::Piece& piece : text.pieces()) {
    const auto bytes = text.bytes().substr(begin, piece.end - begin);
    if (piece.is_trusted && bytes.find("\xEE\x80\x80") != std::string_view::npos) return true;
    begin = piece.end;
  }
  return false;
}

class Renderer {
 public:
  std::string answer(const Json& line) {
    const auto source = line["template"].get<std::string>();
    if (source != source_) {
      source_ = source;
      template_.emplace(jinja::Template::parse(source));
    }
    if (!template_->ok()) return template_->error().message;
    const auto context = jinja::value_of_json(line["context"].dump(), "context", /*is_trusted=*/false);
    if (!context) return context.error().message;
    const auto rendered = (*template_)->render(context->as_dict(), {});
    if (!rendered) return rendered.error().message;
    if (smuggles(*rendered)) return "smuggled";
    text_ = std::string(rendered->bytes());
    return {};
  }

  const std::string& text() const { return text_; }

 private:
  std::string source_;
  std::optional<Result<jinja::Template>> template_;
  std::string text_;
};

}  // namespace

int main() {
  Renderer renderer;
  for (std::string line; std::getline(std::cin, line);) {
    const std::string error = renderer.answer(Json::parse(line));
    std::cout << (error.empty() ? Json{{"text", renderer.text()}} : Json{{"error", error}}).dump() << std::endl;
  }
  return 0;
}
