#include "pipeline/text/jinja/expression_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "pipeline/text/jinja/filters.h"
#include "pipeline/text/jinja/limits.h"
#include "pipeline/text/jinja/tests.h"

namespace sluice::jinja {
namespace {

using Level = TokenStream::Level;

template <class Operator, std::size_t kCount>
std::optional<Operator> take_one_of(TokenStream& tokens,
                                    const std::array<std::pair<std::string_view, Operator>, kCount>& symbols) {
  for (const auto& [symbol, op] : symbols) {
    if (tokens.take_operator(symbol)) return op;
  }
  return std::nullopt;
}

constexpr auto kSumOperators = std::to_array<std::pair<std::string_view, BinaryOperator>>(
    {{"+", BinaryOperator::kAdd}, {"-", BinaryOperator::kSubtract}});
constexpr auto kProductOperators =
    std::to_array<std::pair<std::string_view, BinaryOperator>>({{"*", BinaryOperator::kMultiply},
                                                                {"/", BinaryOperator::kDivide},
                                                                {"//", BinaryOperator::kFloorDivide},
                                                                {"%", BinaryOperator::kModulo}});
constexpr auto kComparisonOperators =
    std::to_array<std::pair<std::string_view, ComparisonOperator>>({{"==", ComparisonOperator::kEqual},
                                                                    {"!=", ComparisonOperator::kNotEqual},
                                                                    {"<", ComparisonOperator::kLess},
                                                                    {"<=", ComparisonOperator::kLessEqual},
                                                                    {">", ComparisonOperator::kGreater},
                                                                    {">=", ComparisonOperator::kGreaterEqual}});

std::optional<ComparisonOperator> take_comparison(TokenStream& tokens) {
  if (const auto op = take_one_of(tokens, kComparisonOperators)) return op;
  if (tokens.take_name("in")) return ComparisonOperator::kIn;
  if (!tokens.is_name("not") || !tokens.peek().is_name("in")) return std::nullopt;
  tokens.take();
  tokens.take();
  return ComparisonOperator::kNotIn;
}

// How deep the parts of a node are: chains such as a + b + c nest without the parser's recursion.
int depth_of(const ExpressionPtr& expression) {
  return expression == nullptr ? 0 : expression->depth;
}

int depth_of(const std::vector<ExpressionPtr>& expressions) {
  int depth = 0;
  for (const ExpressionPtr& one : expressions) depth = std::max(depth, depth_of(one));
  return depth;
}

template <class First>
int depth_of(const std::vector<std::pair<First, ExpressionPtr>>& expressions) {
  int depth = 0;
  for (const auto& one : expressions) depth = std::max(depth, depth_of(one.second));
  return depth;
}

int depth_of(const CallArguments& arguments) {
  return std::max({depth_of(arguments.positional), depth_of(arguments.named), depth_of(arguments.more_positional),
                   depth_of(arguments.more_named)});
}

struct DepthBelow {
  int operator()(const Constant&) const { return 0; }
  int operator()(const Name&) const { return 0; }
  int operator()(const SequenceLiteral& node) const { return depth_of(node.items); }
  int operator()(const DictLiteral& node) const {
    int depth = depth_of(node.entries);
    for (const auto& entry : node.entries) depth = std::max(depth, depth_of(entry.first));
    return depth;
  }
  int operator()(const Attribute& node) const { return depth_of(node.object); }
  int operator()(const Item& node) const { return std::max(depth_of(node.object), depth_of(node.key)); }
  int operator()(const Slice& node) const {
    return std::max({depth_of(node.object), depth_of(node.start), depth_of(node.stop), depth_of(node.step)});
  }
  int operator()(const Call& node) const { return std::max(depth_of(node.callee), depth_of(node.arguments)); }
  int operator()(const Filter& node) const { return std::max(depth_of(node.subject), depth_of(node.arguments)); }
  int operator()(const Test& node) const { return std::max(depth_of(node.subject), depth_of(node.arguments)); }
  int operator()(const Unary& node) const { return depth_of(node.operand); }
  int operator()(const Binary& node) const { return std::max(depth_of(node.left), depth_of(node.right)); }
  int operator()(const Concatenation& node) const { return depth_of(node.parts); }
  int operator()(const Logical& node) const { return depth_of(node.operands); }
  int operator()(const Comparison& node) const { return std::max(depth_of(node.first), depth_of(node.rest)); }
  int operator()(const Conditional& node) const {
    return std::max({depth_of(node.condition), depth_of(node.value), depth_of(node.otherwise)});
  }
};

}  // namespace

ExpressionPtr ExpressionParser::make(int line, Expression::Node node) {
  const int depth = 1 + std::visit(DepthBelow{}, node);
  if (depth > kSyntaxDepthMax)
    tokens_.fail("an expression is nested more than " + std::to_string(kSyntaxDepthMax) + " levels deep");
  return std::make_unique<const Expression>(Expression{line, depth, std::move(node)});
}

ExpressionPtr ExpressionParser::expression() {
  const Level level(tokens_);
  const int line = tokens_.line();
  ExpressionPtr value = disjunction();
  while (tokens_.take_name("if")) {
    ExpressionPtr condition = disjunction();
    ExpressionPtr otherwise;
    if (tokens_.take_name("else")) otherwise = expression();
    value = make(line, Conditional{std::move(condition), std::move(value), std::move(otherwise)});
  }
  return value;
}

bool ExpressionParser::ends_tuple() const {
  return tokens_.is(TokenKind::kOutputEnd) || tokens_.is(TokenKind::kBlockEnd) || tokens_.is(TokenKind::kEnd) ||
         tokens_.is_operator(")") || tokens_.is_operator("=") || tokens_.is_name("in");
}

ExpressionPtr ExpressionParser::tuple(bool has_conditions) {
  const int line = tokens_.line();
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (items.empty() || !ends_tuple()) {
    items.push_back(has_conditions ? expression() : disjunction());
    if (!tokens_.take_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) return std::move(items[0]);
  return make(line, SequenceLiteral{Kind::kTuple, std::move(items)});
}

ExpressionPtr ExpressionParser::disjunction() {
  const int line = tokens_.line();
  std::vector<ExpressionPtr> operands;
  operands.push_back(conjunction());
  while (tokens_.take_name("or")) operands.push_back(conjunction());
  if (operands.size() == 1) return std::move(operands[0]);
  return make(line, Logical{false, std::move(operands)});
}

ExpressionPtr ExpressionParser::conjunction() {
  const int line = tokens_.line();
  std::vector<ExpressionPtr> operands;
  operands.push_back(negation());
  while (tokens_.take_name("and")) operands.push_back(negation());
  if (operands.size() == 1) return std::move(operands[0]);
  return make(line, Logical{true, std::move(operands)});
}

ExpressionPtr ExpressionParser::negation() {
  if (!tokens_.is_name("not")) return comparison();
  const Level level(tokens_);
  const int line = tokens_.take().line;
  return make(line, Unary{UnaryOperator::kNot, negation()});
}

ExpressionPtr ExpressionParser::comparison() {
  const int line = tokens_.line();
  ExpressionPtr first = sum();
  std::vector<std::pair<ComparisonOperator, ExpressionPtr>> rest;
  while (const auto op = take_comparison(tokens_)) rest.emplace_back(*op, sum());
  if (rest.empty()) return first;
  return make(line, Comparison{std::move(first), std::move(rest)});
}

ExpressionPtr ExpressionParser::sum() {
  const int line = tokens_.line();
  ExpressionPtr left = concatenation();
  while (const auto op = take_one_of(tokens_, kSumOperators)) {
    left = make(line, Binary{*op, std::move(left), concatenation()});
  }
  return left;
}

ExpressionPtr ExpressionParser::concatenation() {
  const int line = tokens_.line();
  std::vector<ExpressionPtr> parts;
  parts.push_back(product());
  while (tokens_.take_operator("~")) parts.push_back(product());
  if (parts.size() == 1) return std::move(parts[0]);
  return make(line, Concatenation{std::move(parts)});
}

ExpressionPtr ExpressionParser::product() {
  const int line = tokens_.line();
  ExpressionPtr left = power();
  while (const auto op = take_one_of(tokens_, kProductOperators)) {
    left = make(line, Binary{*op, std::move(left), power()});
  }
  return left;
}

// From the left, unlike Python's.
ExpressionPtr ExpressionParser::power() {
  const int line = tokens_.line();
  ExpressionPtr left = unary(/*has_filters=*/true);
  while (tokens_.take_operator("**")) {
    left = make(line, Binary{BinaryOperator::kPower, std::move(left), unary(/*has_filters=*/true)});
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool has_filters) {
  const Level level(tokens_);
  const int line = tokens_.line();
  ExpressionPtr operand;
  if (tokens_.take_operator("-")) {
    operand = make(line, Unary{UnaryOperator::kNegate, unary(/*has_filters=*/false)});
  } else if (tokens_.take_operator("+")) {
    operand = make(line, Unary{UnaryOperator::kPlus, unary(/*has_filters=*/false)});
  } else {
    operand = primary();
  }
  operand = postfix(std::move(operand));
  return has_filters ? filters(std::move(operand)) : std::move(operand);
}

ExpressionPtr ExpressionParser::primary() {
  const int line = tokens_.line();
  switch (tokens_.current().kind) {
    case TokenKind::kName: {
      const std::string name = tokens_.take().text;
      if (name == "true" || name == "True") return make(line, Constant{Value::of_bool(true)});
      if (name == "false" || name == "False") return make(line, Constant{Value::of_bool(false)});
      if (name == "none" || name == "None") return make(line, Constant{Value::none()});
      return make(line, Name{name});
    }
    case TokenKind::kString: return string();
    case TokenKind::kInteger: return integer();
    case TokenKind::kFloat: {
      const std::string digits = tokens_.take().text;
      double value = 0;
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (parsed.ec == std::errc::result_out_of_range) value = digits.find("e-") != std::string::npos ? 0 : HUGE_VAL;
      return make(line, Constant{Value::of_float(value)});
    }
    default: break;
  }
  if (tokens_.is_operator("(")) return parenthesized();
  if (tokens_.is_operator("[")) return list();
  if (tokens_.is_operator("{")) return dict();
  tokens_.fail_at_current("expected an expression");
  return make(line, Constant{});
}

// Neighbours are one string.
ExpressionPtr ExpressionParser::string() {
  const int line = tokens_.line();
  std::string text;
  while (tokens_.is(TokenKind::kString)) text += tokens_.take().text;
  return make(line, Constant{Value::of_text(Text(std::move(text), /*is_trusted=*/true))});
}

ExpressionPtr ExpressionParser::integer() {
  const int line = tokens_.line();
  const std::string text = tokens_.current().text;
  const char letter = text.size() > 2 && text[0] == '0' ? static_cast<char>(text[1] | 0x20) : '\0';
  const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
  const char* digits = text.data() + (base == 10 ? 0 : 2);
  std::int64_t value = 0;
  const auto parsed = std::from_chars(digits, text.data() + text.size(), value, base);
  if (parsed.ec != std::errc()) tokens_.fail("the integer " + text.substr(0, 32) + " has more than 64 bits");
  tokens_.take();
  return make(line, Constant{Value::of_int(value)});
}

ExpressionPtr ExpressionParser::parenthesized() {
  const int line = tokens_.take().line;
  if (tokens_.take_operator(")")) return make(line, SequenceLiteral{Kind::kTuple, {}});
  ExpressionPtr inside = expression_or_tuple();
  tokens_.expect_operator(")");
  return inside;
}

ExpressionPtr ExpressionParser::list() {
  const int line = tokens_.take().line;
  std::vector<ExpressionPtr> items;
  while (!tokens_.is_operator("]") && !tokens_.error()) {
    items.push_back(expression());
    if (!tokens_.take_operator(",")) break;
  }
  tokens_.expect_operator("]");
  return make(line, SequenceLiteral{Kind::kList, std::move(items)});
}

ExpressionPtr ExpressionParser::dict() {
  const int line = tokens_.take().line;
  DictLiteral literal;
  while (!tokens_.is_operator("}") && !tokens_.error()) {
    ExpressionPtr key = expression();
    tokens_.expect_operator(":");
    literal.entries.emplace_back(std::move(key), expression());
    if (!tokens_.take_operator(",")) break;
  }
  tokens_.expect_operator("}");
  return make(line, std::move(literal));
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr object) {
  while (true) {
    const int line = tokens_.line();
    if (tokens_.take_operator(".")) {
      if (tokens_.is(TokenKind::kInteger)) {
        object = make(line, Item{std::move(object), integer()});
      } else {
        object = make(line, Attribute{std::move(object), Text(tokens_.expect_name(), /*is_trusted=*/true)});
      }
    } else if (tokens_.is_operator("[")) {
      object = subscript(std::move(object));
    } else if (tokens_.is_operator("(")) {
      CallArguments arguments = call_arguments();
      object = make(line, Call{std::move(object), std::move(arguments)});
    } else {
      return object;
    }
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr object) {
  const int line = tokens_.take().line;
  const auto part = [&]() -> ExpressionPtr {
    return tokens_.is_operator(":") || tokens_.is_operator("]") ? nullptr : expression();
  };
  ExpressionPtr first = part();
  if (tokens_.take_operator(":")) {
    Slice slice{std::move(object), std::move(first), part(), nullptr};
    if (tokens_.take_operator(":")) slice.step = part();
    tokens_.expect_operator("]");
    return make(line, std::move(slice));
  }
  if (first == nullptr) {
    tokens_.fail("expected an index");
    first = make(line, Constant{});
  }
  if (tokens_.is_operator(",")) {
    std::vector<ExpressionPtr> keys;
    keys.push_back(std::move(first));
    while (tokens_.take_operator(",") && !tokens_.is_operator("]")) keys.push_back(expression());
    first = make(line, SequenceLiteral{Kind::kTuple, std::move(keys)});
  }
  tokens_.expect_operator("]");
  return make(line, Item{std::move(object), std::move(first)});
}

CallArguments ExpressionParser::call_arguments() {
  CallArguments arguments;
  tokens_.expect_operator("(");
  while (!tokens_.is_operator(")") && !tokens_.error()) {
    if (tokens_.take_operator("**")) {
      if (arguments.more_named != nullptr) tokens_.fail("'**' twice in one call");
      arguments.more_named = expression();
    } else if (tokens_.take_operator("*")) {
      if (arguments.more_positional != nullptr) tokens_.fail("'*' twice in one call");
      arguments.more_positional = expression();
    } else if (tokens_.is(TokenKind::kName) && tokens_.peek().is_operator("=")) {
      std::string name = tokens_.take().text;
      tokens_.take();
      arguments.named.emplace_back(std::move(name), expression());
    } else {
      if (!arguments.named.empty() || arguments.more_positional != nullptr || arguments.more_named != nullptr) {
        tokens_.fail("an argument without name behind one with a name");
      }
      arguments.positional.push_back(expression());
    }
    if (!tokens_.take_operator(",")) break;
  }
  tokens_.expect_operator(")");
  return arguments;
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr subject) {
  while (true) {
    if (tokens_.take_operator("|")) {
      subject = filter(std::move(subject));
    } else if (tokens_.take_name("is")) {
      subject = test(std::move(subject));
    } else if (subject != nullptr && tokens_.is_operator("(")) {
      const int line = tokens_.line();
      CallArguments arguments = call_arguments();
      subject = make(line, Call{std::move(subject), std::move(arguments)});
    } else {
      return subject;
    }
  }
}

ExpressionPtr ExpressionParser::filter_chain() {
  return filters(filter(nullptr));
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr subject) {
  const int line = tokens_.line();
  const std::string name = tokens_.expect_name();
  const Operation* found = find_filter(name);
  if (found == nullptr) tokens_.fail("unknown filter '" + name + "'");
  CallArguments arguments;
  if (tokens_.is_operator("(")) arguments = call_arguments();
  return make(line, Filter{found, std::move(subject), std::move(arguments)});
}

ExpressionPtr ExpressionParser::test(ExpressionPtr subject) {
  const int line = tokens_.line();
  const bool is_negated = tokens_.take_name("not");
  const std::string name = tokens_.expect_name();
  const Operation* found = find_test(name);
  if (found == nullptr) tokens_.fail("unknown test '" + name + "'");
  CallArguments arguments;
  const bool is_keyword = tokens_.is_name("else") || tokens_.is_name("or") || tokens_.is_name("and");
  if (tokens_.is_name("is")) tokens_.fail("tests cannot follow each other without brackets");
  if (tokens_.is_operator("(")) {
    arguments = call_arguments();
  } else if (!is_keyword &&
             (tokens_.is(TokenKind::kName) || tokens_.is(TokenKind::kString) || tokens_.is(TokenKind::kInteger) ||
              tokens_.is(TokenKind::kFloat) || tokens_.is_operator("[") || tokens_.is_operator("{"))) {
    arguments.positional.push_back(postfix(primary()));
  }
  ExpressionPtr made = make(line, Test{found, std::move(subject), std::move(arguments)});
  if (!is_negated) return made;
  return make(line, Unary{UnaryOperator::kNot, std::move(made)});
}

}  // namespace sluice::jinja
