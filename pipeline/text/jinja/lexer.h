// A template's source as tokens, with white space already trimmed as trim_blocks, lstrip_blocks and the signs - and +
// ask for. As Hugging Face configures Jinja: both are on, and one newline at the end of the source is dropped.
//
// Errors: kModelLoadFailed, "line 3: ...".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::jinja {

enum class TokenKind : std::uint8_t {
  kText,        // Between tags, to be written as it is.
  kBlockBegin,  // {%
  kBlockEnd,
  kOutputBegin,  // {{
  kOutputEnd,
  kName,
  kString,   // `text` is its value, escapes resolved.
  kInteger,  // `text` are its digits with their base ("0x1f"), underscores gone.
  kFloat,
  kOperator,  // `text` is it: "==", "|", ...
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  int line = 1;

  bool is_operator(std::string_view symbol) const { return kind == TokenKind::kOperator && text == symbol; }
  bool is_name(std::string_view name) const { return kind == TokenKind::kName && text == name; }
};

// `source` is valid UTF-8. The last token is a kEnd.
Result<std::vector<Token>> tokenize(std::string_view source);

Error syntax_error(int line, const std::string& what);

}  // namespace sluice::jinja
