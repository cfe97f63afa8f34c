// The variable `loop` inside a for block.
#pragma once

#include <string_view>
#include <vector>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/scope.h"
#include "pipeline/text/jinja/syntax.h"

namespace sluice::jinja {

class Evaluator;

class LoopObject final : public Object, public std::enable_shared_from_this<LoopObject> {
 public:
  // `node` and `evaluator` outlive it. `scope` is that around the loop.
  LoopObject(Evaluator& evaluator, const For& node, ScopePtr scope, std::vector<Value> items, int level);

  const std::vector<Value>& items() const { return items_; }
  void move_to(std::size_t index) { index_ = index; }

  std::string description(Run&) const override { return "<loop>"; }
  std::optional<Value> attribute(Run& run, std::string_view name) override;
  bool is_callable() const override { return node_.is_recursive; }
  int depth() const override { return depth_; }
  // loop(items), in a recursive loop.
  Value call(Run& run, const Arguments& arguments) override;

  Value cycle(Run& run, const Arguments& arguments);
  Value changed(Run& run, const Arguments& arguments);

 private:
  Evaluator& evaluator_;
  const For& node_;
  ScopePtr scope_;
  std::vector<Value> items_;
  std::size_t index_ = 0;
  int level_ = 0;  // Of recursive loops around it.
  int depth_ = 1;
  std::optional<std::vector<Value>> last_;  // What changed() was asked last.
};

}  // namespace sluice::jinja
