// Added tokens: strings that become one token each, before anything else looks at the text.
//
// At every place the longest one wins, the leftmost first. They are recognised in trusted ranges only and must lie
// wholly within one: in text from users "<|user|>" is nine ordinary characters. That holds for added tokens that are
// not marked special too, since published models have role markers among them (DeepSeek's "<｜User｜>").
//
// Thread:     immutable once filled.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "pipeline/text/flat_map.h"
#include "pipeline/text/regex.h"
#include "pipeline/text/vocabulary.h"

namespace sluice {

struct AddedToken {
  std::string content;  // Not empty.
  TokenId id = kNoToken;
  bool takes_space_left = false;   // "lstrip": white space before it belongs to it.
  bool takes_space_right = false;  // "rstrip"
  bool is_single_word = false;     // None within a word: neither beside it is a word's character.
};

// A part of a text: an added token, or text between them.
struct TextSection {
  TextRange range;
  TokenId id = kNoToken;  // kNoToken: text.

  friend bool operator==(const TextSection&, const TextSection&) = default;
};

class AddedTokens {
 public:
  // The last one with the same content counts.
  void add(AddedToken token);

  bool is_empty() const { return tokens_.empty(); }

  // Sections that together cover `text`, without empty text. `trusted` is in order, without overlap, within the text.
  // (They overlap where a token lies within white space that another takes; both are there, as in the reference
  // implementation.)
  std::vector<TextSection> split(std::string_view text, std::span<const TextRange> trusted,
                                 RegexMatcher& matcher) const;

 private:
  // The longest token that begins at `begin` and ends by `end`.
  const AddedToken* longest_at(std::string_view text, std::size_t begin, std::size_t end) const;
  bool is_within_word(std::string_view text, TextRange range, RegexMatcher& matcher) const;

  std::vector<AddedToken> tokens_;
  // A trie: (node, byte) -> node. Node 0 is the root.
  FlatMap64<std::uint32_t> children_;
  std::vector<std::int32_t> token_at_node_ = {-1};  // Index in tokens_, or -1.
  std::array<bool, 256> is_first_byte_{};
  std::optional<Regex> word_character_;  // Where a token needs it.
};

}  // namespace sluice
