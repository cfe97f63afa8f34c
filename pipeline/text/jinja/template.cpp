#include "pipeline/text/jinja/template.h"

#include "pipeline/text/jinja/evaluator.h"
#include "pipeline/text/jinja/parser.h"
#include "pipeline/text/utf8.h"

namespace sluice::jinja {

struct Template::Syntax {
  Block block;
};

Template::Template(std::unique_ptr<const Syntax> syntax) : syntax_(std::move(syntax)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Result<Template> Template::parse(std::string_view source) {
  if (!is_valid_utf8(source)) return Error{ErrorCode::kModelLoadFailed, "the template is not valid UTF-8"};
  auto block = jinja::parse(source);
  if (!block) return std::move(block).error();
  return Template(std::make_unique<const Syntax>(Syntax{std::move(*block)}));
}

Result<Text> Template::render(const Dict& context, const RenderOptions& options) const {
  Run run(options.limits, options.now);
  Evaluator evaluator(run, context);
  Text out = evaluator.render(syntax_->block);
  if (run.has_failed()) return Error{ErrorCode::kInvalidRequest, run.error()};
  return out;
}

}  // namespace sluice::jinja
