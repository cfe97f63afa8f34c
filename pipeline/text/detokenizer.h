// Text of a growing token sequence, in whole UTF-8 characters.
//
// A token may end within a character: its bytes then wait for the next token. Bytes that can be no UTF-8 become U+FFFD,
// one for each maximal part that could have begun a character, as Rust's String::from_utf8_lossy does; so all pieces
// together are exactly what Tokenizer::decode gives for the whole sequence.
//
// Owns:       at most 3 bytes that wait. Refers to the tokenizer, which must outlive it.
// Confined:   to the owner of the sequence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/id.h"
#include "pipeline/text/tokenizer.h"

namespace sluice {

// Text that one token completed.
struct DecodedText {
  std::string text;
  // The first `carried_bytes` bytes of the text are a character that token number `carried_token` began.
  std::uint32_t carried_bytes = 0;
  std::uint64_t carried_token = 0;
};

class Detokenizer {
 public:
  // With `skip_special`, special tokens give no text.
  explicit Detokenizer(const Tokenizer& tokenizer, bool skip_special = true);

  // Tokens are numbered from 0 in the order of the calls.
  DecodedText push(TokenId token);

  // What still waits, as U+FFFD. The next push begins afresh, its number goes on.
  DecodedText finish();

  std::uint64_t num_tokens() const { return num_tokens_; }

  // The token that began the character that waits to be completed, if one does.
  std::optional<std::uint64_t> waiting_token() const {
    return pending_.empty() ? std::nullopt : std::optional(pending_token_);
  }

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string pending_;  // The beginning of a character, incomplete.
  std::uint64_t pending_token_ = 0;
  std::uint64_t num_tokens_ = 0;
};

}  // namespace sluice
