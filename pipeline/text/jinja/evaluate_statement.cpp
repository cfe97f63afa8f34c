// Statements: what they write, and what they set.
#include <algorithm>
#include <string>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/comparison.h"
#include "pipeline/text/jinja/evaluator.h"
#include "pipeline/text/jinja/functions.h"
#include "pipeline/text/jinja/loop_object.h"
#include "pipeline/text/jinja/macro_object.h"
#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {
namespace {

// Puts a value in a place while it lives.
template <class T>
class Replaced {
 public:
  Replaced(T& place, T value) : place_(place), old_(std::exchange(place, std::move(value))) {}
  ~Replaced() { place_ = std::move(old_); }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;

 private:
  T& place_;
  T old_;
};

}  // namespace

Text Evaluator::render(const Block& block) {
  Text out;
  const Replaced<Text*> output(out_, &out);
  execute(block);
  return out;
}

Evaluator::Flow Evaluator::execute(const Block& block) {
  const Run::Level level(run_);
  if (!level.is_ok()) return Flow::kNext;
  for (const Statement& statement : block) {
    if (!run_.step()) return Flow::kNext;
    run_.set_line(statement.line);
    const Flow flow = std::visit([&](const auto& node) { return execute_node(node); }, statement.node);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

void Evaluator::write(const Value& value) {
  append_str(run_, value, *out_);
  if (out_->size() > run_.limits().output_bytes_max) {
    run_.fail("writes more than " + std::to_string(run_.limits().output_bytes_max) + " bytes");
  }
}

Text Evaluator::captured(const Block& block, const ScopePtr& outer) {
  Text out;
  const Replaced<Text*> output(out_, &out);
  const Replaced<ScopePtr> scope(scope_, std::make_shared<Scope>(outer));
  execute(block);
  return out;
}

Evaluator::Flow Evaluator::execute_node(const Output& node) {
  write(evaluate(*node.expression));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_node(const If& node) {
  for (const auto& [condition, body] : node.branches) {
    if (is_true(evaluate(*condition))) return execute(body);
  }
  return execute(node.otherwise);
}

std::vector<Value> Evaluator::selected_items(const For& node, std::vector<Value> items) {
  if (node.condition == nullptr) return items;
  const Replaced<ScopePtr> scope(scope_, std::make_shared<Scope>(scope_));
  std::vector<Value> selected;
  for (Value& item : items) {
    if (!run_.step()) break;
    assign(*scope_, node.target, item);
    if (is_true(evaluate(*node.condition))) selected.push_back(std::move(item));
  }
  return selected;
}

void Evaluator::loop(const For& node, const Value& iterable, int depth) {
  auto items = iterate(run_, iterable);
  if (!items) return;
  const auto loop = std::make_shared<LoopObject>(*this, node, scope_, selected_items(node, std::move(*items)), depth);
  const Value loop_value = run_.make_object(loop);
  const Replaced<ScopePtr> scope(scope_, scope_);
  const ScopePtr outer = scope_;
  bool has_finished_one = false;  // Jinja's else is for loops whose body never came to its end.
  for (std::size_t i = 0; i < loop->items().size() && run_.allocate(sizeof(Scope)); ++i) {
    loop->move_to(i);
    scope_ = std::make_shared<Scope>(outer);
    scope_->set(run_, "loop", loop_value);
    assign(*scope_, node.target, loop->items()[i]);
    const Flow flow = execute(node.body);
    if (flow == Flow::kBreak) break;
    has_finished_one = has_finished_one || flow == Flow::kNext;
  }
  if (has_finished_one) return;
  scope_ = std::make_shared<Scope>(outer);
  execute(node.otherwise);
}

Evaluator::Flow Evaluator::execute_node(const For& node) {
  loop(node, evaluate(*node.iterable), 0);
  return Flow::kNext;
}

Value Evaluator::call_loop(const For& node, const ScopePtr& definition_scope, const Value& iterable, int depth) {
  const Run::Level level(run_);
  if (!level.is_ok()) return {};
  Text out;
  const Replaced<Text*> output(out_, &out);
  const Replaced<ScopePtr> scope(scope_, definition_scope);
  loop(node, iterable, depth);
  return run_.make_text(std::move(out));
}

void Evaluator::assign(Scope& scope, const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const auto items = iterate(run_, value);
    if (!items) return;
    if (items->size() != target.parts.size()) {
      run_.fail("cannot unpack " + std::to_string(items->size()) + " values into " +
                std::to_string(target.parts.size()) + " names");
      return;
    }
    for (std::size_t i = 0; i < items->size(); ++i) assign(scope, target.parts[i], (*items)[i]);
    return;
  }
  if (target.attribute.empty()) {
    scope.set(run_, target.name, value);
    return;
  }
  const Value* found = scope_->find(run_, target.name);
  if (found == nullptr) found = context_.find(target.name);
  auto* names =
      found == nullptr || !found->is(Kind::kObject) ? nullptr : dynamic_cast<Namespace*>(found->as_object().get());
  if (names == nullptr) {
    run_.fail("cannot assign attribute '" + target.attribute + "' of '" + target.name + "', which is no namespace");
    return;
  }
  names->set(run_, target.attribute, value);
}

Evaluator::Flow Evaluator::execute_node(const Set& node) {
  const Value value = evaluate(*node.value);
  if (!run_.has_failed()) assign(*scope_, node.target, value);
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_node(const SetBlock& node) {
  Value value = run_.make_text(captured(node.body, scope_));
  if (node.filter != nullptr) {
    const Replaced<const Value*> subject(block_subject_, &value);
    value = evaluate(*node.filter);
  }
  if (!run_.has_failed()) assign(*scope_, node.target, value);
  return Flow::kNext;
}

Value Evaluator::make_macro(const MacroDefinition& definition) {
  const auto macro = std::make_shared<MacroObject>(*this, definition, scope_);
  run_.register_object(macro);
  return run_.make_object(macro);
}

Evaluator::Flow Evaluator::execute_node(const MacroDefinition& node) {
  scope_->set(run_, node.name, make_macro(node));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_node(const CallBlock& node) {
  const Call& node_call = std::get<Call>(node.call->node);
  const Value callee = evaluate(*node_call.callee);
  Arguments arguments = evaluate_arguments(node_call.arguments);
  arguments.named.emplace_back(Text("caller", /*is_trusted=*/true), make_macro(node.caller));
  run_.set_line(node.call->line);
  write(call(callee, arguments));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_node(const FilterBlock& node) {
  const Value text = run_.make_text(captured(node.body, scope_));
  const Replaced<const Value*> subject(block_subject_, &text);
  write(evaluate(*node.filter));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_node(const With& node) {
  const auto inner = std::make_shared<Scope>(scope_);
  for (const auto& [target, expression] : node.values) {
    assign(*inner, target, evaluate(*expression));
  }
  const Replaced<ScopePtr> scope(scope_, inner);
  return execute(node.body);
}

Evaluator::Flow Evaluator::execute_node(const Generation& node) {
  const Replaced<ScopePtr> scope(scope_, std::make_shared<Scope>(scope_));
  return execute(node.body);
}

Evaluator::Flow Evaluator::execute_node(const Break&) {
  return Flow::kBreak;
}

Evaluator::Flow Evaluator::execute_node(const Continue&) {
  return Flow::kContinue;
}

// Sets the names of the macro in the current scope.
bool Evaluator::bind_parameters(const MacroDefinition& macro, const Arguments& arguments) {
  const Signature& signature = macro.signature;
  const auto fail = [&](const std::string& why) {
    run_.fail("macro '" + macro.name + "' " + why);
    return false;
  };
  const std::size_t num_names = signature.names.size();
  if (arguments.positional.size() > num_names && !signature.uses_varargs) {
    return fail("takes at most " + std::to_string(num_names) + " arguments");
  }
  // Each is looked for among all of the other.
  if (!run_.step(num_names * arguments.named.size() * sizeof(std::string_view))) return false;
  Dict more;
  for (const auto& [key, value] : arguments.named) {
    const std::string_view name = key.bytes();
    const auto found = std::find(signature.names.begin(), signature.names.end(), name);
    const bool is_caller = name == "caller" && signature.uses_caller;
    if (found != signature.names.end()) {
      if (static_cast<std::size_t>(found - signature.names.begin()) < arguments.positional.size()) {
        return fail("got '" + std::string(name) + "' twice");
      }
    } else if (is_caller) {
      scope_->set(run_, "caller", value);
    } else if (signature.uses_kwargs) {
      more.set(key, value);
    } else {
      return fail("takes no argument '" + std::string(name) + "'");
    }
  }
  for (std::size_t i = 0; i < num_names; ++i) {
    const std::string& name = signature.names[i];
    const std::size_t first_default = num_names - signature.defaults.size();
    if (i < arguments.positional.size()) {
      scope_->set(run_, name, arguments.positional[i]);
    } else if (const Value* named = arguments.find(name)) {
      scope_->set(run_, name, *named);
    } else if (i >= first_default) {
      scope_->set(run_, name, evaluate(*signature.defaults[i - first_default]));
    } else {
      scope_->set(run_, name, Value::undefined("parameter '" + name + "' was not provided"));
    }
  }
  if (signature.uses_caller && arguments.find("caller") == nullptr) {
    scope_->set(run_, "caller", Value::undefined("no caller defined"));
  }
  if (signature.uses_kwargs) scope_->set(run_, "kwargs", run_.make_dict(std::move(more)));
  if (signature.uses_varargs) {
    const auto first =
        arguments.positional.begin() + static_cast<std::ptrdiff_t>(std::min(num_names, arguments.positional.size()));
    scope_->set(run_, "varargs", run_.make_sequence(Kind::kTuple, {first, arguments.positional.end()}));
  }
  return !run_.has_failed();
}

Value Evaluator::call_macro(const MacroDefinition& macro, const ScopePtr& definition_scope,
                            const Arguments& arguments) {
  const Run::Level level(run_);
  if (!level.is_ok()) return {};
  const Replaced<ScopePtr> scope(scope_, std::make_shared<Scope>(definition_scope));
  Text out;
  const Replaced<Text*> output(out_, &out);
  if (!bind_parameters(macro, arguments)) return {};
  execute(macro.body);
  return run_.make_text(std::move(out));
}

}  // namespace sluice::jinja
