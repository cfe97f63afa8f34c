// What templates can call by name: namespace, range, dict, joiner, cycler, raise_exception, strftime_now.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

// Null: there is none.
const Value* find_function(std::string_view name);

// The one value whose attributes a template can set: {% set ns.x = 1 %}.
class Namespace final : public Object {
 public:
  explicit Namespace(Dict attributes) : attributes_(std::move(attributes)) {}

  std::string description(Run& run) const override;
  std::optional<Value> attribute(Run& run, std::string_view name) override;
  void set(Run& run, std::string_view name, Value value);
  void release() override { attributes_ = {}; }

 private:
  Dict attributes_;
};

}  // namespace sluice::jinja
