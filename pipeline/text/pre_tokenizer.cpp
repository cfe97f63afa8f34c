#include "pipeline/text/pre_tokenizer.h"

#include "pipeline/text/utf8.h"

namespace sluice {

Result<void> PreTokenizer::split(std::string_view text, RegexMatcher& matcher,
                                 std::vector<std::string_view>& pieces) const {
  return split_from(0, text, matcher, pieces);
}

Result<void> PreTokenizer::split_from(std::size_t step, std::string_view text, RegexMatcher& matcher,
                                      std::vector<std::string_view>& pieces) const {
  if (text.empty()) return {};
  if (step == splits_.size()) {
    pieces.push_back(text);
    return {};
  }
  std::size_t done = 0;  // Everything before is in a piece.
  std::size_t from = 0;  // Where the next search begins.
  bool is_first = true;
  while (from <= text.size()) {
    const auto found = matcher.find(splits_[step], text, from);
    if (!found) return found.error();
    if (!found->has_value()) break;
    const TextRange match = **found;
    if (match.begin == match.end && !is_first && match.end == done) {
      // An empty match right behind the last one is none: the search goes on one character further. Any other empty
      // match is a border, as in the reference implementation.
      if (from >= text.size()) break;
      from += next_utf8(text.substr(from)).size_bytes;
      continue;
    }
    is_first = false;
    if (auto gap = split_from(step + 1, text.substr(done, match.begin - done), matcher, pieces); !gap) return gap;
    if (auto piece = split_from(step + 1, text.substr(match.begin, match.end - match.begin), matcher, pieces); !piece) {
      return piece;
    }
    done = match.end;
    from = match.end;
  }
  return split_from(step + 1, text.substr(done), matcher, pieces);
}

}  // namespace sluice
