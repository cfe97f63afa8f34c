#include "pipeline/text/jinja/loop_object.h"

#include <algorithm>

#include "pipeline/text/jinja/comparison.h"
#include "pipeline/text/jinja/evaluator.h"

namespace sluice::jinja {
namespace {

class LoopMethod final : public Object {
 public:
  using Method = Value (LoopObject::*)(Run&, const Arguments&);
  LoopMethod(std::shared_ptr<LoopObject> loop, Method method) : loop_(std::move(loop)), method_(method) {}

  std::string description(Run&) const override { return "<method of loop>"; }
  bool is_callable() const override { return true; }
  int depth() const override { return loop_->depth() + 1; }
  Value call(Run& run, const Arguments& arguments) override { return ((*loop_).*method_)(run, arguments); }

 private:
  std::shared_ptr<LoopObject> loop_;
  Method method_;
};

}  // namespace

LoopObject::LoopObject(Evaluator& evaluator, const For& node, ScopePtr scope, std::vector<Value> items, int level)
    : evaluator_(evaluator), node_(node), scope_(std::move(scope)), items_(std::move(items)), level_(level) {
  for (const Value& item : items_) depth_ = std::max(depth_, item.depth() + 1);
}

std::optional<Value> LoopObject::attribute(Run& run, std::string_view name) {
  const auto index = static_cast<std::int64_t>(index_);
  const auto size = static_cast<std::int64_t>(items_.size());
  if (name == "index") return Value::of_int(index + 1);
  if (name == "index0") return Value::of_int(index);
  if (name == "revindex") return Value::of_int(size - index);
  if (name == "revindex0") return Value::of_int(size - index - 1);
  if (name == "first") return Value::of_bool(index == 0);
  if (name == "last") return Value::of_bool(index + 1 == size);
  if (name == "length") return Value::of_int(size);
  if (name == "depth") return Value::of_int(level_ + 1);
  if (name == "depth0") return Value::of_int(level_);
  if (name == "previtem") return index == 0 ? Value::undefined("there is no previous item") : items_[index_ - 1];
  if (name == "nextitem") return index + 1 == size ? Value::undefined("there is no next item") : items_[index_ + 1];
  if (name == "cycle") return run.make_object(std::make_shared<LoopMethod>(shared_from_this(), &LoopObject::cycle));
  if (name == "changed") return run.make_object(std::make_shared<LoopMethod>(shared_from_this(), &LoopObject::changed));
  return std::nullopt;
}

Value LoopObject::call(Run& run, const Arguments& arguments) {
  if (!node_.is_recursive) return run.fail("this loop is not recursive, it cannot be called");
  if (arguments.positional.size() != 1 || !arguments.named.empty()) return run.fail("loop takes what to run over");
  return evaluator_.call_loop(node_, scope_, arguments.positional[0], level_ + 1);
}

Value LoopObject::cycle(Run& run, const Arguments& arguments) {
  if (arguments.positional.empty()) return run.fail("no items for cycling given");
  return arguments.positional[index_ % arguments.positional.size()];
}

Value LoopObject::changed(Run& run, const Arguments& arguments) {
  bool is_same = last_ && last_->size() == arguments.positional.size();
  for (std::size_t i = 0; is_same && i < last_->size(); ++i) {
    is_same = equals(run, (*last_)[i], arguments.positional[i]);
  }
  if (!is_same) {
    if (!run.allocate(arguments.positional.size() * sizeof(Value))) return {};
    last_ = arguments.positional;
  }
  return Value::of_bool(!is_same);
}

}  // namespace sluice::jinja
