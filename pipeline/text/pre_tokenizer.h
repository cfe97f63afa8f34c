// Cuts text into pre-tokens, across whose borders nothing is merged: a sequence of regular expressions, each applied to
// the pieces that the one before left. What an expression matches is a piece, what lies between two matches is one too
// ("Split" with behavior "Isolated").
//
// Thread:     immutable; the matcher is the caller's own.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/text/regex.h"

namespace sluice {

class PreTokenizer {
 public:
  explicit PreTokenizer(std::vector<Regex> splits) : splits_(std::move(splits)) {}

  // Appends the pieces of `text` (valid UTF-8), none of them empty; they are views into it. Errors as
  // RegexMatcher::find.
  Result<void> split(std::string_view text, RegexMatcher& matcher, std::vector<std::string_view>& pieces) const;

 private:
  Result<void> split_from(std::size_t step, std::string_view text, RegexMatcher& matcher,
                          std::vector<std::string_view>& pieces) const;

  std::vector<Regex> splits_;
};

}  // namespace sluice
