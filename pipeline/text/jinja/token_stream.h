// The parser's view of the tokens: one ahead, the first error, and how deep the nesting is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/text/jinja/lexer.h"

namespace sluice::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& peek() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_operator(std::string_view symbol) const { return current().is_operator(symbol); }
  bool is_name(std::string_view name) const { return current().is_name(name); }
  int line() const { return current().line; }

  // Of the token taken last.
  int previous_line() const { return tokens_[at_ == 0 ? 0 : at_ - 1].line; }

  std::size_t position() const { return at_; }
  // Whether a token from `begin` to here is this name.
  bool names_since(std::size_t begin, std::string_view name) const {
    for (std::size_t i = begin; i < at_; ++i) {
      if (tokens_[i].is_name(name)) return true;
    }
    return false;
  }

  Token take() {
    Token token = current();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool take_operator(std::string_view symbol) { return take_if(is_operator(symbol)); }
  bool take_name(std::string_view name) { return take_if(is_name(name)); }
  bool take_kind(TokenKind kind) { return take_if(is(kind)); }

  void expect_operator(std::string_view symbol) {
    if (!take_operator(symbol)) fail_at_current("expected '" + std::string(symbol) + "'");
  }
  std::string expect_name() {
    if (is(TokenKind::kName)) return take().text;
    fail_at_current("expected a name");
    return {};
  }

  // The error sticks; from then on every token is the end, so that all loops end.
  void fail(const std::string& what) {
    if (error_) return;
    error_ = syntax_error(line(), what);
    at_ = tokens_.size() - 1;
  }
  void fail_at_current(const std::string& expected) { fail(expected + ", found " + description(current())); }
  const std::optional<Error>& error() const { return error_; }

  // Enters a level of nesting for as long as it lives; fails beyond kSyntaxDepthMax.
  class Level {
   public:
    explicit Level(TokenStream& stream);
    ~Level() { --stream_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    TokenStream& stream_;
  };

 private:
  bool take_if(bool condition) {
    if (condition) take();
    return condition;
  }
  static std::string description(const Token& token);

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::optional<Error> error_;
};

}  // namespace sluice::jinja
