#include "pipeline/text/added_tokens.h"

#include <algorithm>

#include "base/check.h"
#include "pipeline/text/utf8.h"

namespace sluice {
namespace {

std::uint64_t edge(std::uint32_t node, char byte) {
  return (std::uint64_t{node} << 8) | static_cast<unsigned char>(byte);
}

}  // namespace

void AddedTokens::add(AddedToken token) {
  SLUICE_CHECK(!token.content.empty());
  is_first_byte_[static_cast<unsigned char>(token.content[0])] = true;
  std::uint32_t node = 0;
  for (const char byte : token.content) {
    if (const std::uint32_t* child = children_.find(edge(node, byte)); child != nullptr) {
      node = *child;
      continue;
    }
    const auto child = static_cast<std::uint32_t>(token_at_node_.size());
    children_.insert(edge(node, byte), child);
    token_at_node_.push_back(-1);
    node = child;
  }
  if (token.is_single_word && !word_character_) {
    auto regex = Regex::compile("[\\w\\x{200c}\\x{200d}]");
    SLUICE_CHECK(regex.ok());
    word_character_ = std::move(*regex);
  }
  token_at_node_[node] = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back(std::move(token));
}

const AddedToken* AddedTokens::longest_at(std::string_view text, std::size_t begin, std::size_t end) const {
  const AddedToken* longest = nullptr;
  std::uint32_t node = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const std::uint32_t* child = children_.find(edge(node, text[i]));
    if (child == nullptr) break;
    node = *child;
    if (token_at_node_[node] >= 0) longest = &tokens_[static_cast<std::size_t>(token_at_node_[node])];
  }
  return longest;
}

bool AddedTokens::is_within_word(std::string_view text, TextRange range, RegexMatcher& matcher) const {
  const auto is_word_character = [&](std::string_view character) {
    const auto found = matcher.find(*word_character_, character, 0);
    return found.ok() && found->has_value();
  };
  if (range.begin > 0) {
    std::size_t before = range.begin - 1;
    while (is_utf8_continuation(text[before])) --before;
    if (is_word_character(text.substr(before, range.begin - before))) return true;
  }
  const std::string_view after = text.substr(range.end);
  return !after.empty() && is_word_character(after.substr(0, next_utf8(after).size_bytes));
}

std::vector<TextSection> AddedTokens::split(std::string_view text, std::span<const TextRange> trusted,
                                            RegexMatcher& matcher) const {
  std::vector<TextSection> sections;
  std::size_t done = 0;  // Everything before is in a section.
  std::size_t white_space_end =
      0;  // Of the last run looked through: a token of white space is found many times in one.
  for (const TextRange& range : trusted) {
    SLUICE_CHECK_LE(range.end, text.size());
    std::size_t at = range.begin;
    while (!is_empty() && at < range.end) {
      const AddedToken* token = nullptr;
      if (is_first_byte_[static_cast<unsigned char>(text[at])]) token = longest_at(text, at, range.end);
      if (token == nullptr) {
        ++at;
        continue;
      }
      std::size_t begin = at;
      std::size_t end = at + token->content.size();
      at = end;
      if (token->is_single_word && is_within_word(text, {begin, end}, matcher)) continue;
      if (token->takes_space_left) {
        const std::size_t first = std::min(done, begin);
        begin = first + trailing_white_space_begin(text.substr(first, begin - first));
      }
      if (token->takes_space_right) {
        if (end > white_space_end) white_space_end = end + leading_white_space_end(text.substr(end));
        end = white_space_end;
      }
      if (begin > done) sections.push_back({{done, begin}, kNoToken});
      sections.push_back({{begin, end}, token->id});
      done = end;
    }
  }
  if (text.size() > done) sections.push_back({{done, text.size()}, kNoToken});
  return sections;
}

}  // namespace sluice
