// Regular expressions with Unicode properties: PCRE2, compiled to machine code where it can be.
//
// Thread:     a Regex is immutable and shared; a RegexMatcher is the scratch memory of one thread.
// Errors:     compile() -> kModelLoadFailed; find() -> kInvalidRequest when the text makes the expression exceed its
//             limits of steps or memory (a pattern that backtracks without end is stopped, not waited for).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/error.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace sluice {

// Half-open, in bytes.
struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  friend bool operator==(const TextRange&, const TextRange&) = default;
};

class Regex {
 public:
  // `pattern` is in Oniguruma's syntax as far as regex_syntax.h takes it, UTF-8.
  static Result<Regex> compile(std::string_view pattern);

  // Matches this very text, which must be valid UTF-8 and not empty.
  static Result<Regex> of_literal(std::string_view text);

  ~Regex();
  Regex(Regex&& other) noexcept;
  Regex& operator=(Regex&& other) noexcept;

 private:
  friend class RegexMatcher;
  explicit Regex(pcre2_real_code_8* code) : code_(code) {}

  static Result<Regex> compile_with(std::string_view pattern, std::uint32_t options);

  pcre2_real_code_8* code_;
};

class RegexMatcher {
 public:
  RegexMatcher();
  ~RegexMatcher();
  RegexMatcher(const RegexMatcher&) = delete;
  RegexMatcher& operator=(const RegexMatcher&) = delete;

  // The first match at or after `start`, a character's first byte. `subject` must be valid UTF-8. Looks behind `start`,
  // never outside `subject`.
  Result<std::optional<TextRange>> find(const Regex& regex, std::string_view subject, std::size_t start);

 private:
  pcre2_real_match_data_8* match_data_;
  pcre2_real_match_context_8* context_;
  pcre2_real_jit_stack_8* jit_stack_;
};

}  // namespace sluice
