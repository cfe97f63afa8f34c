// A macro, or the body of a call block, as a value that can be called. It sees the names of where it was defined.
#pragma once

#include <string>
#include <string_view>

#include "pipeline/text/jinja/evaluator.h"

namespace sluice::jinja {

// To be registered with the Run: it and its scope may hold each other.
class MacroObject final : public Object {
 public:
  MacroObject(Evaluator& evaluator, const MacroDefinition& definition, ScopePtr scope)
      : evaluator_(evaluator), definition_(definition), scope_(std::move(scope)) {}

  std::string description(Run&) const override { return "<Macro '" + definition_.name + "'>"; }
  bool is_callable() const override { return true; }
  Value call(Run&, const Arguments& arguments) override {
    return evaluator_.call_macro(definition_, scope_, arguments);
  }
  std::optional<Value> attribute(Run& run, std::string_view name) override {
    if (name != "name") return std::nullopt;
    return run.make_text(Text(definition_.name, /*is_trusted=*/true));
  }
  void release() override { scope_->clear(); }

 private:
  Evaluator& evaluator_;
  const MacroDefinition& definition_;
  ScopePtr scope_;
};

}  // namespace sluice::jinja
