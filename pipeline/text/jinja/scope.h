// The names of a template at one place, inside out. What a loop, a macro or a block sets is gone at its end.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

// Shared by the macros that were defined in it.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer) : outer_(std::move(outer)) {}

  // `name` must outlive the scope: it is part of the template.
  void set(std::string_view name, Value value) {
    for (auto& [known, old] : names_) {
      if (known != name) continue;
      old = std::move(value);
      return;
    }
    names_.emplace_back(name, std::move(value));
  }

  // Here or further out; null: nowhere.
  const Value* find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_.get()) {
      for (const auto& [known, value] : scope->names_) {
        if (known == name) return &value;
      }
    }
    return nullptr;
  }

  void clear() { names_.clear(); }

 private:
  std::shared_ptr<Scope> outer_;
  std::vector<std::pair<std::string_view, Value>> names_;
};

using ScopePtr = std::shared_ptr<Scope>;

}  // namespace sluice::jinja
