// What a client gets to read of a sequence: its tokens detokenized, up to the first stop string.
//
// Joins Detokenizer and StopMatcher and keeps account of which token each byte came from: a character that three tokens
// share counts for the one that began it.
//
// Confined:   to the responder, one per sequence. Refers to the tokenizer, which must outlive it.
// Errors:     create() as StopMatcher::create.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "pipeline/text/detokenizer.h"
#include "pipeline/text/stop_matcher.h"

namespace sluice {

class OutputText {
 public:
  static Result<OutputText> create(const Tokenizer& tokenizer, std::vector<std::string> stop_strings,
                                   bool skip_special = true);

  // The text that this token lets out, and the match that it completes, if any. Nothing may be pushed after a match.
  StopScan push(TokenId token);

  // The sequence ended otherwise: everything that waits. A last U+FFFD may complete a stop string.
  StopScan finish();

  std::uint64_t num_tokens() const { return detokenizer_.num_tokens(); }

  // How many of the tokens are output whatever comes: no match that is still possible drops them. Not after a match.
  std::uint64_t num_certain_tokens() const {
    if (!matcher_.has_patterns()) return num_tokens();
    std::optional<std::uint64_t> waiting = matcher_.waiting_token();
    if (!waiting) waiting = detokenizer_.waiting_token();
    if (!waiting) return num_tokens();
    return matcher_.emitted_token() == waiting ? *waiting + 1 : *waiting;
  }

 private:
  OutputText(Detokenizer detokenizer, StopMatcher matcher);

  StopScan scan(const DecodedText& decoded, std::uint64_t token);

  Detokenizer detokenizer_;
  StopMatcher matcher_;
};

}  // namespace sluice
