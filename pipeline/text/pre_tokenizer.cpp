#include "pipeline/text/pre_tokenizer.h"

#include <algorithm>

#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

using Pieces = std::vector<std::string_view>;

// A part of a piece: a delimiter, or what lies between two.
struct Part {
  TextRange range;
  bool is_delimiter = false;
};

std::string_view of(std::string_view text, TextRange range) {
  return text.substr(range.begin, range.end - range.begin);
}

// Calls part(range, is_match) for every match and every gap that is not empty, in order. Together they cover `text`.
template <class OnPart>
Result<void> for_each_part(const Regex& regex, std::string_view text, RegexMatcher& matcher, OnPart part) {
  std::size_t done = 0;  // Everything before is in a part.
  std::size_t from = 0;  // Where the next search begins.
  bool is_first = true;
  while (from <= text.size()) {
    const auto found = matcher.find(regex, text, from);
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
    if (done != match.begin) part(TextRange{done, match.begin}, false);
    part(match, true);
    done = match.end;
    from = match.end;
  }
  if (done != text.size()) part(TextRange{done, text.size()}, false);
  return {};
}

// Joins every delimiter that does not follow another one (in the order of the iteration) with the part before it.
template <class Iterator, class Join>
void join_delimiters(Iterator begin, Iterator end, std::vector<TextRange>& joined, Join join) {
  bool previous_is_delimiter = false;
  for (auto part = begin; part != end; ++part) {
    if (part->is_delimiter && !previous_is_delimiter && !joined.empty()) {
      join(joined.back(), part->range);
    } else {
      joined.push_back(part->range);
    }
    previous_is_delimiter = part->is_delimiter;
  }
}

std::vector<TextRange> joined(const std::vector<Part>& parts, SplitBehavior behavior) {
  std::vector<TextRange> ranges;
  const auto take_end = [](TextRange& last, TextRange range) { last.end = range.end; };
  if (behavior == SplitBehavior::kMergedWithPrevious) {
    join_delimiters(parts.begin(), parts.end(), ranges, take_end);
  } else if (behavior == SplitBehavior::kMergedWithNext) {
    const auto take_begin = [](TextRange& last, TextRange range) { last.begin = range.begin; };
    join_delimiters(parts.rbegin(), parts.rend(), ranges, take_begin);
    std::reverse(ranges.begin(), ranges.end());
  } else {  // kContiguous: parts of one kind side by side are one.
    bool previous_is_delimiter = false;
    for (const Part& part : parts) {
      if (part.is_delimiter == previous_is_delimiter && !ranges.empty()) {
        take_end(ranges.back(), part.range);
      } else {
        ranges.push_back(part.range);
      }
      previous_is_delimiter = part.is_delimiter;
    }
  }
  return ranges;
}

// One step on one piece: appends what becomes of it, empty pieces too.

Result<void> apply(const SplitStep& step, std::string_view piece, bool, PreTokenizerScratch& scratch, Pieces& out) {
  if (step.behavior == SplitBehavior::kIsolated || step.behavior == SplitBehavior::kRemoved) {
    const bool is_removed = step.behavior == SplitBehavior::kRemoved;
    return for_each_part(step.regex, piece, scratch.matcher, [&](TextRange range, bool is_match) {
      if (!is_removed || is_match == step.is_inverted) out.push_back(of(piece, range));
    });
  }
  std::vector<Part> parts;
  const auto found = for_each_part(step.regex, piece, scratch.matcher, [&](TextRange range, bool is_match) {
    parts.push_back({range, is_match != step.is_inverted});
  });
  if (!found) return found;
  for (const TextRange& range : joined(parts, step.behavior)) out.push_back(of(piece, range));
  return {};
}

Result<void> apply(const MetaspaceStep& step, std::string_view piece, bool is_at_start, PreTokenizerScratch& scratch,
                   Pieces& out) {
  const bool is_prefixed =
      step.scheme == PrependScheme::kAlways || (step.scheme == PrependScheme::kFirst && is_at_start);
  std::string text;
  if (is_prefixed && !piece.starts_with(' ') && !piece.starts_with(step.replacement)) text = step.replacement;
  for (const char c : piece) {
    if (c == ' ') {
      text += step.replacement;
    } else {
      text += c;
    }
  }
  std::string_view rest = scratch.rewritten.add(text);
  while (step.is_split && !rest.empty()) {
    const std::size_t next = rest.find(step.replacement, 1);
    if (next == std::string_view::npos) break;
    out.push_back(rest.substr(0, next));
    rest.remove_prefix(next);
  }
  out.push_back(rest);
  return {};
}

Result<void> apply(const SpacePrefixStep&, std::string_view piece, bool, PreTokenizerScratch& scratch, Pieces& out) {
  if (!piece.starts_with(' ')) piece = scratch.rewritten.add(" ", piece);
  out.push_back(piece);
  return {};
}

}  // namespace

Result<void> PreTokenizer::split(std::string_view text, bool is_at_start, PreTokenizerScratch& scratch,
                                 Pieces& pieces) const {
  Pieces before = {text};
  if (text.empty()) before.clear();
  Pieces after;
  for (const PreTokenizerStep& step : steps_) {
    after.clear();
    // A Split that removes what the text begins with leaves no piece at its start.
    bool stays_at_start = false;
    for (const std::string_view& piece : before) {
      const bool is_piece_at_start = is_at_start && &piece == before.data();
      const auto done =
          std::visit([&](const auto& known) { return apply(known, piece, is_piece_at_start, scratch, after); }, step);
      if (!done) return done;
      if (is_piece_at_start) {
        stays_at_start = !after.empty() && (after.front().data() == piece.data() || !std::get_if<SplitStep>(&step));
      }
    }
    is_at_start = stays_at_start;
    std::erase_if(after, [](std::string_view piece) { return piece.empty(); });
    before.swap(after);
  }
  pieces.insert(pieces.end(), before.begin(), before.end());
  return {};
}

}  // namespace sluice
