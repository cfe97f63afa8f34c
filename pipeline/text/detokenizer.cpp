#include "pipeline/text/detokenizer.h"

#include "pipeline/text/utf8.h"

namespace sluice {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skip_special)
    : tokenizer_(&tokenizer), skip_special_(skip_special) {}

DecodedText Detokenizer::push(TokenId token) {
  const std::uint64_t number = num_tokens_++;
  DecodedText decoded;
  if (skip_special_ && tokenizer_->is_special(token)) return decoded;
  std::string bytes = std::move(pending_);
  pending_.clear();
  bool is_carried = !bytes.empty();
  bytes += tokenizer_->token_bytes(token);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const Utf8Step step = next_utf8(rest);
    if (step.kind == Utf8Kind::kIncomplete) {
      pending_ = rest;
      if (!is_carried) pending_token_ = number;
      break;
    }
    decoded.text += step.kind == Utf8Kind::kCharacter ? rest.substr(0, step.size_bytes) : kReplacementCharacter;
    if (is_carried) {
      // What waited begins this character and ends in it: it was the start of one, so no more than one replaces it.
      decoded.carried_bytes = static_cast<std::uint32_t>(decoded.text.size());
      decoded.carried_token = pending_token_;
      is_carried = false;
    }
    rest.remove_prefix(step.size_bytes);
  }
  return decoded;
}

DecodedText Detokenizer::finish() {
  DecodedText decoded;
  if (pending_.empty()) return decoded;
  pending_.clear();
  decoded.text = kReplacementCharacter;
  decoded.carried_bytes = static_cast<std::uint32_t>(decoded.text.size());
  decoded.carried_token = pending_token_;
  return decoded;
}

}  // namespace sluice
