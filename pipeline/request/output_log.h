// OutputLog: the whole output of one sequence, from which every attachment reads at its own pace.
//
// A token is certain once no stop string that is still possible could drop it. Text is cut along certain tokens: the
// text of tokens [a, b) is what became safe to emit when token a, ..., b - 1 became certain. Without stop strings that
// is what each token contributed, a character belonging to the token that completes it. So the pieces that two
// attachments get may be cut differently, but always join to the same text.
//
// Owns: ids, text, log-probabilities and, until the end, the detokenizer and stop matcher.
// Confined: the responder actor, one per sequence.
// Units: token indexes count from the first output token; text offsets are bytes.
// Errors: kInternal for tokens that do not continue the output.
// Invariant: num_certain() <= num_tokens(); equal once is_over().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "base/messages/client.h"
#include "base/messages/pipeline.h"
#include "pipeline/text/output_text.h"

namespace sluice {

class OutputLog {
 public:
  static Result<OutputLog> create(const Tokenizer& tokenizer, std::vector<std::string> stop_strings);

  // Appends what is new in `tokens`; tokens that are there already are skipped, a gap is an error. True: a stop string
  // matched, and the output is over. Not to be called when it is over.
  Result<bool> append(StreamTokens tokens);

  // No more tokens come: everything is certain, and all text is out. True: that completed a stop string.
  bool finish();

  bool is_over() const { return !text_source_.has_value(); }
  std::uint64_t num_tokens() const { return ids_.size(); }
  std::uint64_t num_certain() const { return text_ends_.size(); }

  // Tokens [first, last) and their text. Precondition: first <= last <= num_certain(). When the output is over and
  // `last` its end, the text includes what the end released.
  Tokens read(std::uint64_t first, std::uint64_t last) const;
  // Where a message ends that begins with token `first`, of those before `end`: after `tokens_max` of them, where a
  // token counts once more for each alternative that its log-probabilities name. At least one token.
  std::uint64_t message_end(std::uint64_t first, std::uint64_t end, std::uint32_t tokens_max) const;
  // Whether the end released text that belongs to tokens which were certain before: read(n, n) gives it.
  bool has_rest() const { return is_over() && text_.size() > text_begin(num_tokens()); }

  std::uint64_t size_bytes() const;

 private:
  explicit OutputLog(OutputText text_source);

  // Where the text of the token with this index begins; for one past the certain ones, where their text ends.
  std::size_t text_begin(std::uint64_t index) const;
  void settle_certain(std::uint64_t num_certain);
  // Ends the output after this many tokens.
  void cut(std::uint64_t num_tokens);

  std::optional<OutputText> text_source_;  // Gone when the output is over.
  std::vector<TokenId> ids_;
  std::vector<TokenLogprobs> logprobs_;  // Empty, or one per id.
  std::vector<std::size_t> text_ends_;   // Of each certain token.
  std::string text_;
};

}  // namespace sluice
