#define PCRE2_CODE_UNIT_WIDTH 8
#include "pipeline/text/regex.h"

#include <pcre2.h>

#include <array>
#include <string>
#include <utility>

#include "base/check.h"
#include "pipeline/text/regex_syntax.h"

namespace sluice {
namespace {

constexpr std::size_t kPatternBytesMax = 16 << 10;
// Backtracking steps of one match. One step per byte of the longest text must fit in: "\s*[\r\n]+" walks back over a
// long run of spaces. Some tenths of a second when an expression explodes.
constexpr std::uint32_t kMatchSteps = 64'000'000;
constexpr std::uint32_t kMatchHeapKibibytes = 64 << 10;
constexpr std::size_t kJitStackBytesMin = 32 << 10;
constexpr std::size_t kJitStackBytesMax = 1 << 20;

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  if (pcre2_get_error_message(code, buffer.data(), buffer.size()) < 0) return "PCRE2 error " + std::to_string(code);
  return reinterpret_cast<const char*>(buffer.data());
}

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kPatternBytesMax) {
    return Error{ErrorCode::kModelLoadFailed, "regular expression has " + std::to_string(pattern.size()) +
                                                  " bytes, over " + std::to_string(kPatternBytesMax)};
  }
  const auto translated = to_pcre2_syntax(pattern);
  if (!translated) return translated.error();
  return compile_with(*translated, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE);
}

Result<Regex> Regex::of_literal(std::string_view text) {
  SLUICE_CHECK(!text.empty());
  return compile_with(text, PCRE2_UTF | PCRE2_LITERAL);
}

Result<Regex> Regex::compile_with(std::string_view pattern, std::uint32_t options) {
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  SLUICE_CHECK(context != nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* compiled =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &code, &offset, context);
  pcre2_compile_context_free(context);
  if (compiled == nullptr) {
    return Error{ErrorCode::kModelLoadFailed, "regular expression does not compile: " + pcre2_message(code)};
  }
  // Refused where the system forbids executable memory: the interpreter then gives the same matches, slower.
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  return Regex(compiled);
}

Regex::~Regex() {
  pcre2_code_free(code_);
}

Regex::Regex(Regex&& other) noexcept : code_(std::exchange(other.code_, nullptr)) {}

Regex& Regex::operator=(Regex&& other) noexcept {
  std::swap(code_, other.code_);
  return *this;
}

RegexMatcher::RegexMatcher()
    : match_data_(pcre2_match_data_create(1, nullptr)),
      context_(pcre2_match_context_create(nullptr)),
      jit_stack_(pcre2_jit_stack_create(kJitStackBytesMin, kJitStackBytesMax, nullptr)) {
  SLUICE_CHECK(match_data_ != nullptr);
  SLUICE_CHECK(context_ != nullptr);
  pcre2_set_match_limit(context_, kMatchSteps);
  pcre2_set_heap_limit(context_, kMatchHeapKibibytes);
  if (jit_stack_ != nullptr) pcre2_jit_stack_assign(context_, nullptr, jit_stack_);
}

RegexMatcher::~RegexMatcher() {
  pcre2_match_data_free(match_data_);
  pcre2_match_context_free(context_);
  pcre2_jit_stack_free(jit_stack_);
}

Result<std::optional<TextRange>> RegexMatcher::find(const Regex& regex, std::string_view subject, std::size_t start) {
  SLUICE_CHECK_LE(start, subject.size());
  const int matched = pcre2_match(regex.code_, reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), start,
                                  PCRE2_NO_UTF_CHECK, match_data_, context_);
  if (matched == PCRE2_ERROR_NOMATCH) return std::optional<TextRange>{};
  if (matched < 0) {
    return Error{ErrorCode::kInvalidRequest, "the tokenizer's regular expression gave up on this text at byte " +
                                                 std::to_string(start) + ": " + pcre2_message(matched)};
  }
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match_data_);
  return std::optional<TextRange>({bounds[0], bounds[1]});
}

}  // namespace sluice
