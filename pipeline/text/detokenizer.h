// Text of a growing token sequence, in whole UTF-8 characters, as TokenDecoder says. Tokenizer::decode is all pieces
// together.
//
// A token may end within a character: its bytes then wait for the next token. Bytes that can be no UTF-8 become U+FFFD,
// one for each maximal part that could have begun a character, as Rust's String::from_utf8_lossy does. Where tokens are
// spelt "<0x0A>" a run of them waits until it is over, since its last byte decides what its first one is.
//
// Owns:       the bytes that wait: 3 at most, or one for each token of a run. Refers to the tokenizer, which must
//             outlive it.
// Confined:   to the owner of the sequence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "pipeline/text/tokenizer.h"

namespace sluice {

// Text that one token completed.
struct DecodedText {
  // Characters that an earlier token began.
  struct Carried {
    std::uint32_t size_bytes = 0;
    std::uint64_t token = 0;  // Its number.

    friend bool operator==(const Carried&, const Carried&) = default;
  };

  std::string text;
  std::vector<Carried> carried;  // What the text begins with; the rest is this token's own.
};

class Detokenizer {
 public:
  // With `skip_special`, special tokens give no text.
  explicit Detokenizer(const Tokenizer& tokenizer, bool skip_special = true);

  // Tokens are numbered from 0 in the order of the calls.
  DecodedText push(TokenId token);

  // What still waits. The next push begins afresh, its number goes on.
  DecodedText finish();

  std::uint64_t num_tokens() const { return num_tokens_; }

  // The token that began the character that waits to be completed, if one does.
  std::optional<std::uint64_t> waiting_token() const {
    return pending_.empty() ? std::nullopt : std::optional(pending_tokens_.front());
  }

 private:
  void push_bytes(std::string_view token_bytes, DecodedText& decoded);
  void push_text(TokenId token, DecodedText& decoded);
  void flush_run(DecodedText& decoded);
  void append_stripped(std::string_view text, DecodedText& decoded);

  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string pending_;                        // The beginning of a character, incomplete; or a run of bytes.
  std::vector<std::uint64_t> pending_tokens_;  // The number of the token that began it; of each byte of a run.
  std::uint64_t num_tokens_ = 0;
  bool is_first_ = true;            // No token has been shown yet.
  std::uint32_t num_stripped_ = 0;  // Characters stripped from the beginning.
};

}  // namespace sluice
