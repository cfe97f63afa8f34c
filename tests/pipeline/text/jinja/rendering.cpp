#include "tests/pipeline/text/jinja/rendering.h"

#include "pipeline/text/jinja/json_value.h"

namespace sluice::test {

Result<jinja::Text> render_text(std::string_view source, std::string_view context,
                                const jinja::RenderOptions& options) {
  const auto parsed = jinja::Template::parse(source);
  if (!parsed) return parsed.error();
  const auto values = jinja::value_of_json(context, "context", /*is_trusted=*/false);
  if (!values) return values.error();
  return parsed->render(values->as_dict(), options);
}

std::string rendered(std::string_view source, std::string_view context, const jinja::RenderOptions& options) {
  const auto text = render_text(source, context, options);
  return text.ok() ? std::string(text->bytes()) : text.error().message;
}

}  // namespace sluice::test
