// Walks a template's tree: expressions to values, statements to output.
//
// Owns:    the output, the scopes. The tree and the context must outlive it.
// Thread:  one. Errors are those of the Run.
#pragma once

#include <cstdint>
#include <string_view>

#include "pipeline/text/jinja/run.h"
#include "pipeline/text/jinja/scope.h"
#include "pipeline/text/jinja/syntax.h"

namespace sluice::jinja {

class Evaluator {
 public:
  Evaluator(Run& run, const Dict& context) : run_(run), context_(context), scope_(std::make_shared<Scope>(nullptr)) {}

  Text render(const Block& block);

  // For the objects that run parts of the template when called.
  Value call_macro(const MacroDefinition& macro, const ScopePtr& definition_scope, const Arguments& arguments);
  Value call_loop(const For& node, const ScopePtr& definition_scope, const Value& iterable, int depth);

 private:
  enum class Flow : std::uint8_t { kNext, kBreak, kContinue };

  // ---- expressions (evaluate_expression.cpp) ----
  Value evaluate(const Expression& expression);
  Value evaluate_or(const ExpressionPtr& expression, const Value& left_out);
  Value evaluate_node(const Constant& node, int line);
  Value evaluate_node(const Name& node, int line);
  Value evaluate_node(const SequenceLiteral& node, int line);
  Value evaluate_node(const DictLiteral& node, int line);
  Value evaluate_node(const Attribute& node, int line);
  Value evaluate_node(const Item& node, int line);
  Value evaluate_node(const Slice& node, int line);
  Value evaluate_node(const Call& node, int line);
  Value evaluate_node(const Filter& node, int line);
  Value evaluate_node(const Test& node, int line);
  Value evaluate_node(const Unary& node, int line);
  Value evaluate_node(const Binary& node, int line);
  Value evaluate_node(const Concatenation& node, int line);
  Value evaluate_node(const Logical& node, int line);
  Value evaluate_node(const Comparison& node, int line);
  Value evaluate_node(const Conditional& node, int line);
  bool compares(ComparisonOperator op, const Value& a, const Value& b);
  Arguments evaluate_arguments(const CallArguments& arguments);
  Value call(const Value& callee, const Arguments& arguments);

  // ---- statements (evaluate_statement.cpp) ----
  Flow execute(const Block& block);
  Flow execute_node(const Output& node);
  Flow execute_node(const If& node);
  Flow execute_node(const For& node);
  Flow execute_node(const Set& node);
  Flow execute_node(const SetBlock& node);
  Flow execute_node(const MacroDefinition& node);
  Flow execute_node(const CallBlock& node);
  Flow execute_node(const FilterBlock& node);
  Flow execute_node(const With& node);
  Flow execute_node(const Generation& node);
  Flow execute_node(const Break& node);
  Flow execute_node(const Continue& node);
  void loop(const For& node, const Value& iterable, int depth);
  std::vector<Value> selected_items(const For& node, std::vector<Value> items);
  void assign(Scope& scope, const Target& target, const Value& value);
  bool bind_parameters(const MacroDefinition& macro, const Arguments& arguments);
  Value make_macro(const MacroDefinition& definition);
  // What `block` writes, in a scope of its own.
  Text captured(const Block& block, const ScopePtr& outer);
  void write(const Value& value);

  Run& run_;
  const Dict& context_;
  ScopePtr scope_;
  Text* out_ = nullptr;
  const Value* block_subject_ = nullptr;  // What the Filter without a subject takes.
};

}  // namespace sluice::jinja
