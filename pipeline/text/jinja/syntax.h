// A parsed template: expressions and statements as trees. Built by the parser, read by the evaluator.
//
// Units: `line` counts from 1. Trees are no deeper than kSyntaxDepthMax, so they can be walked and freed recursively.
// Thread: immutable once parsed; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/text/jinja/arithmetic.h"
#include "pipeline/text/jinja/operation.h"
#include "pipeline/text/jinja/value.h"

namespace sluice::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Constant {
  Value value;
};

struct Name {
  std::string name;
};

// [a, b] and (a, b)
struct SequenceLiteral {
  Kind kind = Kind::kList;
  std::vector<ExpressionPtr> items;
};

struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};

struct Attribute {
  ExpressionPtr object;
  Text name;
};

struct Item {
  ExpressionPtr object;
  ExpressionPtr key;
};

// Parts left out are null.
struct Slice {
  ExpressionPtr object;
  ExpressionPtr start;
  ExpressionPtr stop;
  ExpressionPtr step;
};

// f(a, *b, name=c, **d)
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more_positional;
  ExpressionPtr more_named;
};

struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};

struct Filter {
  const Operation* filter = nullptr;
  ExpressionPtr subject;  // Null in a filter block: what the block wrote.
  CallArguments arguments;
};

struct Test {
  const Operation* test = nullptr;
  ExpressionPtr subject;
  CallArguments arguments;
};

enum class UnaryOperator : std::uint8_t { kNegate, kPlus, kNot };

struct Unary {
  UnaryOperator op = UnaryOperator::kNot;
  ExpressionPtr operand;
};

struct Binary {
  BinaryOperator op = BinaryOperator::kAdd;
  ExpressionPtr left;
  ExpressionPtr right;
};

// a ~ b ~ c
struct Concatenation {
  std::vector<ExpressionPtr> parts;
};

// a and b and c; a or b or c
struct Logical {
  bool is_and = true;
  std::vector<ExpressionPtr> operands;
};

enum class ComparisonOperator : std::uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};

// a < b < c
struct Comparison {
  ExpressionPtr first;
  std::vector<std::pair<ComparisonOperator, ExpressionPtr>> rest;
};

// a if condition else b; without else: undefined.
struct Conditional {
  ExpressionPtr condition;
  ExpressionPtr value;
  ExpressionPtr otherwise;
};

struct Expression {
  using Node = std::variant<Constant, Name, SequenceLiteral, DictLiteral, Attribute, Item, Slice, Call, Filter, Test,
                            Unary, Binary, Concatenation, Logical, Comparison, Conditional>;
  int line = 1;
  int depth = 1;  // Of the tree.
  Node node;
};

struct Statement;
using Block = std::vector<Statement>;

// What an assignment or a loop writes to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string name;       // Of a plain name, and of the namespace.
  std::string attribute;  // Empty but for a namespace.
  std::vector<Target> parts;
};

// Text of the template, and what {{ }} gives.
struct Output {
  ExpressionPtr expression;
};

struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;  // if and elif
  Block otherwise;
};

struct For {
  Target target;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // Null: none.
  bool is_recursive = false;
  Block body;
  Block otherwise;
};

struct Set {
  Target target;
  ExpressionPtr value;
};

// {% set x | filter %}...{% endset %}
struct SetBlock {
  Target target;
  ExpressionPtr filter;  // A chain of Filters that ends in one without subject; null: none.
  Block body;
};

struct Signature {
  std::vector<std::string> names;
  std::vector<ExpressionPtr> defaults;  // Of the last of them.
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};

struct MacroDefinition {
  std::string name;
  Signature signature;
  Block body;
};

// {% call(x) f(a) %}...{% endcall %}
struct CallBlock {
  ExpressionPtr call;  // A Call.
  MacroDefinition caller;
};

struct FilterBlock {
  ExpressionPtr filter;
  Block body;
};

struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Block body;
};

// {% generation %}: what an assistant said. It only marks, but its names are its own.
struct Generation {
  Block body;
};

struct Break {};
struct Continue {};

struct Statement {
  using Node = std::variant<Output, If, For, Set, SetBlock, MacroDefinition, CallBlock, FilterBlock, With, Generation,
                            Break, Continue>;
  int line = 1;
  Node node;
};

}  // namespace sluice::jinja
