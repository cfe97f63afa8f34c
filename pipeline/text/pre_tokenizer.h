// Cuts text into pre-tokens, across whose borders nothing is merged: a sequence of steps, each applied to the pieces
// that the one before left.
//
// A Split finds delimiters by a regular expression; what becomes of them is its behavior. For "-" in "a-b--c":
//   kRemoved a b c, kIsolated a - b - - c, kMergedWithPrevious a- b- - c, kMergedWithNext a -b - -c, kContiguous
//   a - b -- c.
// A Metaspace writes spaces as another character, and cuts before it. A SpacePrefix puts a space before a piece.
//
// Thread:     immutable; matcher and memory are the caller's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "pipeline/text/regex.h"
#include "pipeline/text/text_arena.h"

namespace sluice {

enum class SplitBehavior : std::uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct SplitStep {
  Regex regex;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool is_inverted = false;  // What the expression does not match is the delimiter.
};

enum class PrependScheme : std::uint8_t { kAlways, kFirst, kNever };  // kFirst: before the beginning of a prompt only.

struct MetaspaceStep {
  std::string replacement;  // One character.
  PrependScheme scheme = PrependScheme::kAlways;
  bool is_split = true;
};

struct SpacePrefixStep {};  // ByteLevel's add_prefix_space.

using PreTokenizerStep = std::variant<SplitStep, MetaspaceStep, SpacePrefixStep>;

// What one encoding call needs besides: pieces that are not parts of the text itself lie in `rewritten`.
struct PreTokenizerScratch {
  RegexMatcher matcher;
  TextArena rewritten;
};

class PreTokenizer {
 public:
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps = {}) : steps_(std::move(steps)) {}

  // The pieces of `text` (valid UTF-8), none of them empty; they are views into it or into the scratch. `is_at_start`:
  // nothing was before it in the prompt. Errors as RegexMatcher::find.
  Result<void> split(std::string_view text, bool is_at_start, PreTokenizerScratch& scratch,
                     std::vector<std::string_view>& pieces) const;

 private:
  std::vector<PreTokenizerStep> steps_;
};

}  // namespace sluice
