// What is done to a text before it is cut into pre-tokens: Unicode normalization (utf8proc), a prefix, replacements.
//
// Thread:     immutable.
// Errors:     kInvalidRequest when a text grows beyond kNormalizedBytesMax, or its decomposition beyond as many
//             characters, or as RegexMatcher::find.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "pipeline/text/regex.h"

namespace sluice {

inline constexpr std::size_t kNormalizedBytesMax = std::size_t{64} << 20;

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

struct PrependText {
  std::string prefix;  // Goes before a text that is not empty.
};

struct ReplaceText {
  Regex regex;
  std::string content;
};

using NormalizerStep = std::variant<UnicodeForm, PrependText, ReplaceText>;

// A text with the parts of it in which special tokens count, in order and apart from each other.
struct TrustedText {
  std::string text;
  std::vector<TextRange> trusted;

  friend bool operator==(const TrustedText&, const TrustedText&) = default;
};

class Normalizer {
 public:
  explicit Normalizer(std::vector<NormalizerStep> steps = {}) : steps_(std::move(steps)) {}

  bool is_identity() const { return steps_.empty(); }

  // `input.text` must be valid UTF-8; the result is. What is put in place of trusted text is trusted, and so is a
  // prefix before it. Which characters a Unicode form made of trusted ones is known only if all or none were: of a
  // mixture that it changes none are.
  Result<TrustedText> apply(TrustedText input, RegexMatcher& matcher) const;

 private:
  std::vector<NormalizerStep> steps_;
};

}  // namespace sluice
