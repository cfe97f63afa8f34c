// Chat templates: the part of Jinja that the templates of published models use, as Hugging Face renders them.
//
// A template is parsed once and rendered with a context of values; what comes out tells for each byte whether the
// template wrote it or somebody else (text.h). This folder is a library of its own: it knows of the rest of Sluice
// nothing but errors, checks and UTF-8.
//
// Thread:  immutable once parsed; any number of threads may render at once.
// Errors:  of parse(): kModelLoadFailed, "line 12: unknown filter 'foo'". Of render(): kInvalidRequest, the same form;
//          what raise_exception() says is among them.
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "pipeline/text/jinja/limits.h"
#include "pipeline/text/jinja/text.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

struct RenderOptions {
  Limits limits;
  std::chrono::system_clock::time_point now;  // What strftime_now() tells.
};

class Template {
 public:
  // kModelLoadFailed too for a source that is not valid UTF-8 or has more than kSourceBytesMax bytes.
  static Result<Template> parse(std::string_view source);

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // The texts in `context` are valid UTF-8.
  Result<Text> render(const Dict& context, const RenderOptions& options) const;

 private:
  struct Syntax;
  explicit Template(std::unique_ptr<const Syntax> syntax);

  std::unique_ptr<const Syntax> syntax_;
};

}  // namespace sluice::jinja
