// Expressions: the grammar and precedences of Jinja. What is unknown (a filter, a test) is an error here already.
#pragma once

#include "pipeline/text/jinja/syntax.h"
#include "pipeline/text/jinja/token_stream.h"

namespace sluice::jinja {

// Functions fail through the stream; the trees they give then are of no use, but never null.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  // One, without commas around it.
  ExpressionPtr expression();
  // Without a condition: what a loop runs over.
  ExpressionPtr without_condition() { return disjunction(); }
  // One, or a tuple of several without brackets.
  ExpressionPtr expression_or_tuple() { return tuple(/*has_conditions=*/true); }
  ExpressionPtr tuple_without_conditions() { return tuple(/*has_conditions=*/false); }

  // "| f | g" behind `subject`, which may be null.
  ExpressionPtr filters(ExpressionPtr subject);
  // A filter without "|" before it, and those that follow: {% filter f | g %}.
  ExpressionPtr filter_chain();
  CallArguments call_arguments();

 private:
  ExpressionPtr make(int line, Expression::Node node);
  ExpressionPtr tuple(bool has_conditions);
  ExpressionPtr disjunction();
  ExpressionPtr conjunction();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool has_filters);
  ExpressionPtr primary();
  ExpressionPtr postfix(ExpressionPtr object);
  ExpressionPtr subscript(ExpressionPtr object);
  ExpressionPtr filter(ExpressionPtr subject);
  ExpressionPtr test(ExpressionPtr subject);
  ExpressionPtr integer();
  ExpressionPtr string();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr parenthesized();
  bool ends_tuple() const;

  TokenStream& tokens_;
};

}  // namespace sluice::jinja
