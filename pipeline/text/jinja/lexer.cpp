#include "pipeline/text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "pipeline/text/jinja/code_points.h"
#include "pipeline/text/jinja/string_literal.h"

namespace sluice::jinja {
namespace {

// "\r\n" and "\r" as "\n", and without the last newline.
std::string normalized(std::string_view source) {
  std::string out;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    if (i + 1 == source.size() || source[i + 1] != '\n') out += '\n';
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::size_t end_of_spaces(std::string_view text, std::size_t at) {
  for (std::size_t next = at; at < text.size() && is_space(next_code_point(text, next));) at = next;
  return at;
}

std::string_view without_trailing_spaces(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_space(next_code_point(text, at))) end = at;
  }
  return text.substr(0, end);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Longest first, so that "**" is not two.
constexpr std::array<std::string_view, 27> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                         "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                         ">",  "<",  "=",  ".",  ":",  "|",  ",", ";", "!"};

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)), text_(source_) {}

  Result<std::vector<Token>> result() {
    while (at_ < text_.size() && !error_) template_text();
    if (error_) return *error_;
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void fail(const std::string& what) {
    if (!error_) error_ = syntax_error(line_, what);
  }

  void move_to(std::size_t end) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at_ = end;
    if (at_ > 0) is_line_start_ = text_[at_ - 1] == '\n';
  }

  bool starts_with(std::string_view part) const { return text_.substr(at_).starts_with(part); }

  // Text up to the next tag, and that tag.
  void template_text() {
    std::size_t begin = text_.find('{', at_);
    while (begin != std::string_view::npos && !is_tag(begin)) begin = text_.find('{', begin + 1);
    begin = std::min(begin, text_.size());
    std::string_view between = text_.substr(at_, begin - at_);
    if (begin < text_.size()) between = trimmed_before(between, begin);
    if (!between.empty()) add(TokenKind::kText, std::string(between));
    move_to(begin);
    if (at_ < text_.size()) tag();
  }

  bool is_tag(std::size_t at) const {
    return at + 1 < text_.size() && std::string_view("%{#").find(text_[at + 1]) != std::string_view::npos;
  }

  // What is left of the text before a tag: "-" takes all white space, and else a line of nothing but space before a
  // block or comment goes.
  std::string_view trimmed_before(std::string_view between, std::size_t begin) const {
    const char sign = begin + 2 < text_.size() ? text_[begin + 2] : '\0';
    if (sign == '-') return without_trailing_spaces(between);
    if (sign == '+' || text_[begin + 1] == '{') return between;
    const std::size_t newline = between.rfind('\n');
    if (newline == std::string_view::npos && !is_line_start_) return between;
    const std::size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
    const bool is_blank = end_of_spaces(between, line_begin) == between.size();
    return is_blank ? between.substr(0, line_begin) : between;
  }

  void tag() {
    const char second = text_[at_ + 1];
    const char sign = at_ + 2 < text_.size() ? text_[at_ + 2] : '\0';
    const std::size_t inside = at_ + (is_space_sign(sign) ? 3 : 2);
    if (second == '#') {
      comment(inside);
    } else if (second == '%' && is_raw(inside)) {
      raw(inside);
    } else {
      add(second == '%' ? TokenKind::kBlockBegin : TokenKind::kOutputBegin, "");
      move_to(inside);
      expression(second == '%' ? '%' : '}');
    }
  }

  // "%}" as end of a block, with its signs and the newline that goes with it; 0: none is here.
  std::size_t end_of_block(std::size_t at, char mark) const {
    const std::string_view rest = text_.substr(at);
    const std::array<char, 3> closing = {'-', mark, '}'};
    const std::string_view minus(closing.data(), 3);
    if (rest.starts_with(minus)) return end_of_spaces(text_, at + 3);
    if (mark != '}' && rest.starts_with('+') && rest.substr(1).starts_with(minus.substr(1))) return at + 3;
    if (!rest.starts_with(minus.substr(1))) return 0;
    const bool takes_newline = mark != '}' && rest.substr(2).starts_with('\n');
    return at + (takes_newline ? 3 : 2);
  }

  void comment(std::size_t inside) {
    for (std::size_t at = inside; at < text_.size(); ++at) {
      const std::size_t end = end_of_block(at, '#');
      if (end == 0) continue;
      move_to(end);
      return;
    }
    fail("a comment is not closed");
  }

  // The end of "name" with space around it at `at`; 0: it is not there.
  std::size_t end_of_word(std::size_t at, std::string_view word) const {
    at = end_of_spaces(text_, at);
    if (!text_.substr(at).starts_with(word)) return 0;
    return end_of_spaces(text_, at + word.size());
  }

  bool is_raw(std::size_t inside) const {
    const std::size_t end = end_of_word(inside, "raw");
    return end != 0 && text_[end] != '+' && end_of_block(end, '%') != 0;
  }

  void raw(std::size_t inside) {
    const std::size_t word_end = end_of_word(inside, "raw");
    // A newline behind it stays.
    const std::size_t begin = text_[word_end] == '-' ? end_of_block(word_end, '%') : text_.find('}', word_end) + 1;
    move_to(begin);
    for (std::size_t at = begin; at < text_.size(); ++at) {
      if (!text_.substr(at).starts_with("{%")) continue;
      const char sign = at + 2 < text_.size() ? text_[at + 2] : '\0';
      const std::size_t end_word = end_of_word(at + (is_space_sign(sign) ? 3 : 2), "endraw");
      const std::size_t end = end_word == 0 ? 0 : end_of_block(end_word, '%');
      if (end == 0) continue;
      const std::string_view kept = trimmed_before(text_.substr(begin, at - begin), at);
      if (!kept.empty()) add(TokenKind::kText, std::string(kept));
      move_to(end);
      return;
    }
    fail("a raw block is not closed");
  }

  static bool is_space_sign(char c) { return c == '-' || c == '+'; }

  // What is between the marks. `mark` is the first character of the closing one.
  void expression(char mark) {
    brackets_.clear();
    while (!error_) {
      move_to(end_of_spaces(text_, at_));
      if (at_ >= text_.size()) return fail("a tag is not closed");
      const std::size_t end = brackets_.empty() ? end_of_block(at_, mark) : 0;
      if (end != 0) {
        add(mark == '%' ? TokenKind::kBlockEnd : TokenKind::kOutputEnd, "");
        move_to(end);
        return;
      }
      token();
    }
  }

  void token() {
    const char c = text_[at_];
    std::size_t next = at_;
    const char32_t code_point = next_code_point(text_, next);
    if (c == '"' || c == '\'') {
      string(c);
    } else if (is_digit(c)) {
      number();
    } else if (c == '_' || is_letter(code_point)) {
      name();
    } else {
      symbol();
    }
  }

  void name() {
    std::size_t end = at_;
    for (std::size_t next = at_; next < text_.size();) {
      const char32_t c = next_code_point(text_, next);
      if (c != '_' && !is_alphanumeric(c)) break;
      end = next;
    }
    add(TokenKind::kName, std::string(text_.substr(at_, end - at_)));
    move_to(end);
  }

  void string(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return fail("a string is not closed");
    auto value = unescape(text_.substr(at_ + 1, end - at_ - 1));
    if (!value) return fail("a string has an escape that is no character");
    add(TokenKind::kString, std::move(*value));
    move_to(end + 1);
  }

  // Digits with single underscores between them; the end of them.
  template <class IsDigit>
  std::size_t end_of_digits(std::size_t at, IsDigit is_one) const {
    while (at < text_.size()) {
      if (is_one(text_[at])) {
        ++at;
      } else if (text_[at] == '_' && at + 1 < text_.size() && is_one(text_[at + 1])) {
        at += 2;
      } else {
        break;
      }
    }
    return at;
  }

  void add_number(TokenKind kind, std::size_t end) {
    std::string digits;
    for (const char c : text_.substr(at_, end - at_)) {
      if (c != '_') digits += c;
    }
    add(kind, std::move(digits));
    move_to(end);
  }

  void number() {
    const char base = at_ + 1 < text_.size() && text_[at_] == '0' ? static_cast<char>(text_[at_ + 1] | 0x20) : '\0';
    if (base == 'x' || base == 'o' || base == 'b') {
      const std::size_t end = end_of_digits(at_ + 2, [base](char c) {
        if (base == 'x') return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        return c >= '0' && c <= (base == 'o' ? '7' : '1');
      });
      if (end > at_ + 2) return add_number(TokenKind::kInteger, end);
    }
    const std::size_t whole_end = end_of_digits(at_, is_digit);
    std::size_t end = whole_end;
    if (end + 1 < text_.size() && text_[end] == '.' && is_digit(text_[end + 1])) end = end_of_digits(end + 1, is_digit);
    if (end < text_.size() && (text_[end] | 0x20) == 'e') {
      const bool has_sign = end + 1 < text_.size() && is_space_sign(text_[end + 1]);
      const std::size_t digits = end + (has_sign ? 2 : 1);
      if (digits < text_.size() && is_digit(text_[digits])) end = end_of_digits(digits, is_digit);
    }
    const bool follows_dot = !tokens_.empty() && tokens_.back().is_operator(".");
    if (end == whole_end || follows_dot) return integer(whole_end);
    add_number(TokenKind::kFloat, end);
  }

  void integer(std::size_t end) {
    const std::string_view digits = text_.substr(at_, end - at_);
    if (digits[0] == '0' && digits.find_first_not_of("0_") != std::string_view::npos) {
      return fail("a number begins with 0");
    }
    add_number(TokenKind::kInteger, end);
  }

  void symbol() {
    for (const std::string_view one : kOperators) {
      if (!starts_with(one)) continue;
      if (!balance(one[0])) return;
      add(TokenKind::kOperator, std::string(one));
      return move_to(at_ + one.size());
    }
    std::size_t end = at_;
    next_code_point(text_, end);
    fail("unexpected character '" + std::string(text_.substr(at_, end - at_)) + "'");
  }

  bool balance(char c) {
    if (c == '(') brackets_ += ')';
    if (c == '[') brackets_ += ']';
    if (c == '{') brackets_ += '}';
    if (c != ')' && c != ']' && c != '}') return true;
    if (!brackets_.ends_with(c)) {
      fail(std::string("unexpected '") + c + "'");
      return false;
    }
    brackets_.pop_back();
    return true;
  }

  std::string source_;
  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool is_line_start_ = true;  // Whether what is before at_ ends a line.
  std::string brackets_;       // The closing ones that are due.
  std::vector<Token> tokens_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  return Lexer(normalized(source)).result();
}

Error syntax_error(int line, const std::string& what) {
  return {ErrorCode::kModelLoadFailed, "line " + std::to_string(line) + ": " + what};
}

}  // namespace sluice::jinja
