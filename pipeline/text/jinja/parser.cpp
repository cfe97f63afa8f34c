#include "pipeline/text/jinja/parser.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <string>

#include "pipeline/text/jinja/expression_parser.h"
#include "pipeline/text/jinja/limits.h"
#include "pipeline/text/jinja/token_stream.h"

namespace sluice::jinja {
namespace {

constexpr std::array<std::string_view, 8> kNeedOtherTemplates = {"include", "import",   "from",       "extends",
                                                                 "block",   "endblock", "autoescape", "trans"};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)), expressions_(tokens_) {}

  Result<Block> result() {
    Block body = block({});
    if (tokens_.error()) return *tokens_.error();
    return body;
  }

 private:
  // Statements up to {% and one of `ends`, which is left to be taken; with no ends, up to the end of the template.
  Block block(std::initializer_list<std::string_view> ends) {
    const TokenStream::Level level(tokens_);
    Block statements;
    const int begin_line = tokens_.previous_line();
    while (!tokens_.error()) {
      if (tokens_.is(TokenKind::kEnd)) {
        if (ends.size() > 0) {
          tokens_.fail("expected {% " + std::string(*(ends.end() - 1)) + " %} for the block of line " +
                       std::to_string(begin_line) + ", found the end of the template");
        }
        break;
      }
      if (tokens_.is(TokenKind::kBlockBegin) && is_one_of(tokens_.peek(), ends)) {
        tokens_.take();
        break;
      }
      if (auto made = statement()) statements.push_back(std::move(*made));
    }
    return statements;
  }

  static bool is_one_of(const Token& token, std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return token.is_name(name); });
  }

  void end_of_tag() {
    if (!tokens_.take_kind(TokenKind::kBlockEnd)) tokens_.fail_at_current("expected '%}'");
  }

  // A block up to "{% end %}", with that.
  Block body_until(std::string_view end) {
    Block body = block({end});
    tokens_.take_name(end);
    end_of_tag();
    return body;
  }

  std::optional<Statement> statement() {
    const int line = tokens_.line();
    if (tokens_.is(TokenKind::kText)) {
      Text text(tokens_.take().text, /*is_trusted=*/true);
      auto constant =
          std::make_unique<const Expression>(Expression{line, 1, Constant{Value::of_text(std::move(text))}});
      return Statement{line, Output{std::move(constant)}};
    }
    if (tokens_.take_kind(TokenKind::kOutputBegin)) {
      ExpressionPtr expression = expressions_.expression_or_tuple();
      if (!tokens_.take_kind(TokenKind::kOutputEnd)) tokens_.fail_at_current("expected '}}'");
      return Statement{line, Output{std::move(expression)}};
    }
    if (!tokens_.take_kind(TokenKind::kBlockBegin)) {
      tokens_.fail_at_current("expected a tag");
      return std::nullopt;
    }
    auto node = tag();
    if (!node) return std::nullopt;
    return Statement{line, std::move(*node)};
  }

  std::optional<Statement::Node> tag() {
    const Token token = tokens_.current();
    const std::string name = tokens_.expect_name();
    if (name == "if") return if_statement();
    if (name == "for") return for_statement();
    if (name == "set") return set_statement();
    if (name == "macro") return macro();
    if (name == "call") return call_block();
    if (name == "filter") return filter_block();
    if (name == "with") return with();
    if (name == "generation") return generation();
    if (name == "print") return print();
    if (name == "break" || name == "continue") return loop_control(name == "break");
    if (std::find(kNeedOtherTemplates.begin(), kNeedOtherTemplates.end(), name) != kNeedOtherTemplates.end()) {
      tokens_.fail("{% " + name + " %} is not supported in chat templates");
    } else {
      tokens_.fail("unknown tag '" + name + "'");
    }
    return std::nullopt;
  }

  Statement::Node if_statement() {
    If node;
    bool is_else = false;
    while (!tokens_.error()) {
      ExpressionPtr condition = expressions_.tuple_without_conditions();
      end_of_tag();
      node.branches.emplace_back(std::move(condition), block({"elif", "else", "endif"}));
      if (tokens_.take_name("elif")) continue;
      is_else = tokens_.take_name("else");
      break;
    }
    if (is_else) {
      end_of_tag();
      node.otherwise = block({"endif"});
    }
    tokens_.take_name("endif");
    end_of_tag();
    return node;
  }

  Statement::Node for_statement() {
    For node;
    node.target = target(/*allows_namespace=*/false);
    if (!tokens_.take_name("in")) tokens_.fail_at_current("expected 'in'");
    node.iterable = expressions_.tuple_without_conditions();
    if (tokens_.take_name("if")) node.condition = expressions_.expression();
    node.is_recursive = tokens_.take_name("recursive");
    end_of_tag();
    ++num_loops_;
    node.body = block({"else", "endfor"});
    --num_loops_;
    if (tokens_.take_name("else")) {
      end_of_tag();
      node.otherwise = block({"endfor"});
    }
    tokens_.take_name("endfor");
    end_of_tag();
    return node;
  }

  Statement::Node loop_control(bool is_break) {
    if (num_loops_ == 0) tokens_.fail(std::string("{% ") + (is_break ? "break" : "continue") + " %} outside of a loop");
    end_of_tag();
    if (is_break) return Break{};
    return Continue{};
  }

  // "a", "a, b", "(a, b)", "ns.a"
  Target target(bool allows_namespace) {
    const TokenStream::Level level(tokens_);
    Target whole;
    bool is_tuple = false;
    while (!tokens_.error()) {
      whole.parts.push_back(target_part(allows_namespace));
      if (!tokens_.take_operator(",")) break;
      is_tuple = true;
      if (!tokens_.is(TokenKind::kName) && !tokens_.is_operator("(")) break;
      if (tokens_.is_name("in")) break;
    }
    if (is_tuple || whole.parts.empty()) return whole;
    Target only = std::move(whole.parts.front());
    return only;
  }

  Target target_part(bool allows_namespace) {
    if (tokens_.take_operator("(")) {
      Target inside = target(allows_namespace);
      tokens_.expect_operator(")");
      return inside;
    }
    Target part;
    const Token token = tokens_.current();
    part.name = tokens_.expect_name();
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
      if (token.is_name(constant)) tokens_.fail("cannot assign to '" + part.name + "'");
    }
    if (allows_namespace && tokens_.take_operator(".")) part.attribute = tokens_.expect_name();
    return part;
  }

  Statement::Node set_statement() {
    Target written = target(/*allows_namespace=*/true);
    if (tokens_.take_operator("=")) {
      ExpressionPtr value = expressions_.expression_or_tuple();
      end_of_tag();
      return Set{std::move(written), std::move(value)};
    }
    SetBlock node{std::move(written), nullptr, {}};
    if (tokens_.take_operator("|")) node.filter = expressions_.filter_chain();
    end_of_tag();
    node.body = detached_body("endset");
    return node;
  }

  // Of a tag that {% break %} cannot leave.
  Block detached_body(std::string_view end) {
    const int num_loops = std::exchange(num_loops_, 0);
    Block body = body_until(end);
    num_loops_ = num_loops;
    return body;
  }

  Signature signature() {
    Signature made;
    tokens_.expect_operator("(");
    while (!tokens_.is_operator(")") && !tokens_.error()) {
      made.names.push_back(tokens_.expect_name());
      if (tokens_.take_operator("=")) {
        made.defaults.push_back(expressions_.expression());
      } else if (!made.defaults.empty()) {
        tokens_.fail("the parameter '" + made.names.back() + "' has no default, and one before it has");
      }
      if (!tokens_.take_operator(",")) break;
    }
    tokens_.expect_operator(")");
    return made;
  }

  // The body, and which of the names that a macro gets unasked it speaks of.
  void macro_body(MacroDefinition& macro, std::string_view end) {
    const std::size_t begin = tokens_.position();
    macro.body = detached_body(end);
    macro.signature.uses_varargs = tokens_.names_since(begin, "varargs");
    macro.signature.uses_kwargs = tokens_.names_since(begin, "kwargs");
    macro.signature.uses_caller = tokens_.names_since(begin, "caller");
  }

  Statement::Node macro() {
    MacroDefinition node;
    node.name = tokens_.expect_name();
    node.signature = signature();
    end_of_tag();
    macro_body(node, "endmacro");
    return node;
  }

  Statement::Node call_block() {
    CallBlock node;
    if (tokens_.is_operator("(")) node.caller.signature = signature();
    const int line = tokens_.line();
    node.call = expressions_.expression();
    if (!tokens_.error() && !std::holds_alternative<Call>(node.call->node)) {
      tokens_.fail("the {% call %} of line " + std::to_string(line) + " needs a call");
    }
    end_of_tag();
    node.caller.name = "caller";
    macro_body(node.caller, "endcall");
    return node;
  }

  Statement::Node filter_block() {
    FilterBlock node;
    node.filter = expressions_.filter_chain();
    end_of_tag();
    node.body = body_until("endfilter");
    return node;
  }

  Statement::Node with() {
    With node;
    while (!tokens_.is(TokenKind::kBlockEnd) && !tokens_.error()) {
      if (!node.values.empty()) tokens_.expect_operator(",");
      Target written = target_part(/*allows_namespace=*/false);
      tokens_.expect_operator("=");
      node.values.emplace_back(std::move(written), expressions_.expression());
    }
    end_of_tag();
    node.body = body_until("endwith");
    return node;
  }

  Statement::Node generation() {
    end_of_tag();
    return Generation{detached_body("endgeneration")};
  }

  Statement::Node print() {
    ExpressionPtr expression = expressions_.expression_or_tuple();
    end_of_tag();
    return Output{std::move(expression)};
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int num_loops_ = 0;  // Around what is being parsed.
};

}  // namespace

Result<Block> parse(std::string_view source) {
  if (source.size() > kSourceBytesMax) {
    return syntax_error(1, "the template has more than " + std::to_string(kSourceBytesMax) + " bytes");
  }
  auto tokens = tokenize(source);
  if (!tokens) return tokens.error();
  return Parser(std::move(*tokens)).result();
}

}  // namespace sluice::jinja
