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

std::vector<TextSection> AddedTokens::split(std::string_view text, std::span<const TextRange> trusted) const {
  std::vector<TextSection> sections;
  std::size_t done = 0;  // Everything before is in a section.
  const auto add_text_until = [&](std::size_t end) {
    if (end > done) sections.push_back({{done, end}, kNoToken});
  };
  if (!is_empty()) {
    for (const TextRange& range : trusted) {
      SLUICE_CHECK_LE(range.end, text.size());
      // A token before may have taken white space from the start of this range.
      std::size_t at = std::max(range.begin, done);
      while (at < range.end) {
        const AddedToken* token = nullptr;
        if (is_first_byte_[static_cast<unsigned char>(text[at])]) token = longest_at(text, at, range.end);
        if (token == nullptr) {
          ++at;
          continue;
        }
        std::size_t begin = at;
        std::size_t end = at + token->content.size();
        if (token->takes_space_left) begin = done + trailing_white_space_begin(text.substr(done, begin - done));
        if (token->takes_space_right) end += leading_white_space_end(text.substr(end));
        add_text_until(begin);
        sections.push_back({{begin, end}, token->id});
        done = end;
        at = end;
      }
    }
  }
  add_text_until(text.size());
  return sections;
}

}  // namespace sluice
