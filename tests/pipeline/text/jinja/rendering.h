// Renders templates in tests.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "pipeline/text/jinja/template.h"

namespace sluice::test {

// `context` is a JSON object; everything in it is untrusted.
Result<jinja::Text> render_text(std::string_view source, std::string_view context = "{}",
                                const jinja::RenderOptions& options = {});

// What it renders, or its error's sentence.
std::string rendered(std::string_view source, std::string_view context = "{}",
                     const jinja::RenderOptions& options = {});

}  // namespace sluice::test
