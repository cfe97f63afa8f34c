// Expressions to values.
#include <algorithm>
#include <string>

#include "pipeline/text/jinja/access.h"
#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/comparison.h"
#include "pipeline/text/jinja/evaluator.h"
#include "pipeline/text/jinja/functions.h"
#include "pipeline/text/jinja/python_format.h"

namespace sluice::jinja {

Value Evaluator::evaluate(const Expression& expression) {
  const Run::Level level(run_);
  if (!level.is_ok() || !run_.step()) return {};
  run_.set_line(expression.line);
  return std::visit([&](const auto& node) { return evaluate_node(node, expression.line); }, expression.node);
}

Value Evaluator::evaluate_or(const ExpressionPtr& expression, const Value& left_out) {
  return expression == nullptr ? left_out : evaluate(*expression);
}

Value Evaluator::evaluate_node(const Constant& node, int) {
  return node.value;
}

Value Evaluator::evaluate_node(const Name& node, int) {
  if (const Value* found = scope_->find(run_, node.name)) return *found;
  if (run_.has_failed()) return {};
  if (const Value* found = context_.find(node.name)) return *found;
  if (const Value* found = find_function(node.name)) return *found;
  return Value::undefined("'" + beginning_of(node.name) + "' is undefined");
}

Value Evaluator::evaluate_node(const SequenceLiteral& node, int line) {
  std::vector<Value> items;
  for (const ExpressionPtr& item : node.items) items.push_back(evaluate(*item));
  run_.set_line(line);
  return run_.make_sequence(node.kind, std::move(items));
}

Value Evaluator::evaluate_node(const DictLiteral& node, int line) {
  Dict dict;
  for (const auto& [key_part, value_part] : node.entries) {
    Value key = evaluate(*key_part);
    Value value = evaluate(*value_part);
    run_.set_line(line);
    if (!run_.allocate_key(key)) return {};
    const std::string key_type(type_name(key));
    if (!dict.set(std::move(key), std::move(value))) return run_.fail("unhashable type: '" + key_type + "'");
  }
  return run_.make_dict(std::move(dict));
}

Value Evaluator::evaluate_node(const Attribute& node, int line) {
  const Value object = evaluate(*node.object);
  run_.set_line(line);
  return attribute_of(run_, object, node.name);
}

Value Evaluator::evaluate_node(const Item& node, int line) {
  const Value object = evaluate(*node.object);
  const Value key = evaluate(*node.key);
  run_.set_line(line);
  return item_of(run_, object, key);
}

Value Evaluator::evaluate_node(const Slice& node, int line) {
  const Value object = evaluate(*node.object);
  const Value start = evaluate_or(node.start, Value::none());
  const Value stop = evaluate_or(node.stop, Value::none());
  const Value step = evaluate_or(node.step, Value::none());
  run_.set_line(line);
  return slice_of(run_, object, start, stop, step);
}

Arguments Evaluator::evaluate_arguments(const CallArguments& arguments) {
  Arguments values;
  for (const ExpressionPtr& one : arguments.positional) values.positional.push_back(evaluate(*one));
  for (const auto& [name, value] : arguments.named) {
    values.named.emplace_back(Text(name, /*is_trusted=*/true), evaluate(*value));
  }
  if (arguments.more_positional != nullptr) {
    if (const auto more = iterate(run_, evaluate(*arguments.more_positional))) {
      values.positional.insert(values.positional.end(), more->begin(), more->end());
    }
  }
  if (arguments.more_named != nullptr) {
    const Value more = evaluate(*arguments.more_named);
    if (!more.is_dict()) {
      run_.fail("what follows ** in a call must be a mapping, not '" + std::string(type_name(more)) + "'");
      return values;
    }
    for (const auto& [key, value] : more.as_dict().entries()) {
      if (!key.is_text() || !run_.allocate(key.as_text().size() + sizeof(Text) + sizeof(Value))) {
        run_.fail("keywords must be strings");
        return values;
      }
      values.named.emplace_back(key.as_text(), value);
    }
  }
  return values;
}

Value Evaluator::call(const Value& callee, const Arguments& arguments) {
  if (run_.has_failed()) return {};
  if (callee.is_undefined()) return run_.fail(callee.why_undefined());
  if (!callee.is(Kind::kObject)) return run_.fail("'" + std::string(type_name(callee)) + "' object is not callable");
  return callee.as_object()->call(run_, arguments);
}

Value Evaluator::evaluate_node(const Call& node, int line) {
  const Value callee = evaluate(*node.callee);
  const Arguments arguments = evaluate_arguments(node.arguments);
  run_.set_line(line);
  return call(callee, arguments);
}

Value Evaluator::evaluate_node(const Filter& node, int line) {
  const Value subject = node.subject == nullptr ? *block_subject_ : evaluate(*node.subject);
  const Arguments arguments = evaluate_arguments(node.arguments);
  run_.set_line(line);
  return run_.has_failed() ? Value() : perform(run_, *node.filter, subject, arguments);
}

Value Evaluator::evaluate_node(const Test& node, int line) {
  const Value subject = evaluate(*node.subject);
  const Arguments arguments = evaluate_arguments(node.arguments);
  run_.set_line(line);
  return run_.has_failed() ? Value() : perform(run_, *node.test, subject, arguments);
}

Value Evaluator::evaluate_node(const Unary& node, int line) {
  const Value operand = evaluate(*node.operand);
  run_.set_line(line);
  switch (node.op) {
    case UnaryOperator::kNegate: return negated(run_, operand);
    case UnaryOperator::kPlus: return with_plus_sign(run_, operand);
    case UnaryOperator::kNot: return Value::of_bool(!is_true(operand));
  }
  return {};
}

Value Evaluator::evaluate_node(const Binary& node, int line) {
  const Value left = evaluate(*node.left);
  const Value right = evaluate(*node.right);
  run_.set_line(line);
  return run_.has_failed() ? Value() : apply(run_, node.op, left, right);
}

Value Evaluator::evaluate_node(const Concatenation& node, int line) {
  Text out;
  for (const ExpressionPtr& part : node.parts) {
    const Value value = evaluate(*part);
    run_.set_line(line);
    append_str(run_, value, out);
  }
  return run_.make_text(std::move(out));
}

// The operand that decides, as in Python.
Value Evaluator::evaluate_node(const Logical& node, int) {
  Value value;
  for (const ExpressionPtr& operand : node.operands) {
    value = evaluate(*operand);
    if (is_true(value) != node.is_and) break;
  }
  return value;
}

bool Evaluator::compares(ComparisonOperator op, const Value& a, const Value& b) {
  switch (op) {
    case ComparisonOperator::kEqual: return equals(run_, a, b);
    case ComparisonOperator::kNotEqual: return !equals(run_, a, b);
    case ComparisonOperator::kLess: return compare(run_, a, b) == -1;
    case ComparisonOperator::kGreater: return compare(run_, a, b) == 1;
    case ComparisonOperator::kLessEqual: return compare(run_, a, b).value_or(1) <= 0;
    case ComparisonOperator::kGreaterEqual: return compare(run_, a, b).value_or(-1) >= 0;
    case ComparisonOperator::kIn: return contains(run_, b, a);
    case ComparisonOperator::kNotIn: return !contains(run_, b, a);
  }
  return false;
}

Value Evaluator::evaluate_node(const Comparison& node, int line) {
  Value left = evaluate(*node.first);
  for (const auto& [op, operand] : node.rest) {
    Value right = evaluate(*operand);
    run_.set_line(line);
    if (run_.has_failed() || !compares(op, left, right)) return Value::of_bool(false);
    left = std::move(right);
  }
  return Value::of_bool(true);
}

Value Evaluator::evaluate_node(const Conditional& node, int line) {
  if (is_true(evaluate(*node.condition))) return evaluate(*node.value);
  if (node.otherwise != nullptr) return evaluate(*node.otherwise);
  return Value::undefined("the inline if of line " + std::to_string(line) + " has no else");
}

}  // namespace sluice::jinja
