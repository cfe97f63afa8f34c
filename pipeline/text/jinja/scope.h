// The names of a template at one place, inside out. What a loop, a macro or a block sets is gone at its end.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

// Shared by the macros that were defined in it.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> outer) : outer_(std::move(outer)) {}

  // `name` must outlive the scope: it is part of the template.
  void set(Run& run, std::string_view name, Value value) {
    std::size_t touched_bytes = 0;
    Value* old = find_here(name, touched_bytes);
    if (!charge(run, touched_bytes)) return;
    if (old != nullptr) {
      *old = std::move(value);
    } else {
      names_.emplace_back(name, std::move(value));
    }
  }

  // Here or further out; null: nowhere, or the rendering has failed. Takes steps by the names that it looks at.
  const Value* find(Run& run, std::string_view name) {
    std::size_t touched_bytes = 0;
    Value* found = nullptr;
    for (Scope* scope = this; scope != nullptr && found == nullptr; scope = scope->outer_.get()) {
      found = scope->find_here(name, touched_bytes);
    }
    return charge(run, touched_bytes) ? found : nullptr;
  }

  void clear() { names_.clear(); }

 private:
  // A look at a few names is part of its node's own step.
  static bool charge(Run& run, std::size_t touched_bytes) {
    constexpr std::size_t kFreeBytes = 512;
    return touched_bytes <= kFreeBytes ? !run.has_failed() : run.step(touched_bytes);
  }

  Value* find_here(std::string_view name, std::size_t& touched_bytes) {
    touched_bytes += sizeof(Scope);
    for (auto& [known, value] : names_) {
      touched_bytes += sizeof(known) + (known.size() == name.size() ? name.size() : 0);
      if (known == name) return &value;
    }
    return nullptr;
  }

  std::shared_ptr<Scope> outer_;
  std::vector<std::pair<std::string_view, Value>> names_;
};

using ScopePtr = std::shared_ptr<Scope>;

}  // namespace sluice::jinja
