#include "pipeline/text/detokenizer.h"

#include <limits>

#include "pipeline/text/utf8.h"

namespace sluice {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool skip_special)
    : tokenizer_(&tokenizer), skip_special_(skip_special) {}

DecodedText Detokenizer::push(TokenId token) {
  DecodedText decoded;
  const bool is_shown = tokenizer_->contains(token) && !(skip_special_ && tokenizer_->is_special(token));
  if (is_shown && tokenizer_->decoder().is_byte_level) {
    push_bytes(tokenizer_->token_bytes(token), decoded);
  } else if (is_shown) {
    push_text(token, decoded);
  }
  ++num_tokens_;
  return decoded;
}

void Detokenizer::push_bytes(std::string_view token_bytes, DecodedText& decoded) {
  std::string bytes = std::move(pending_);
  pending_.clear();
  bool is_carried = !bytes.empty();
  bytes += token_bytes;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const Utf8Step step = next_utf8(rest);
    if (step.kind == Utf8Kind::kIncomplete) {
      pending_ = rest;
      if (!is_carried) pending_tokens_.assign(1, num_tokens_);
      break;
    }
    decoded.text += step.kind == Utf8Kind::kCharacter ? rest.substr(0, step.size_bytes) : kReplacementCharacter;
    if (is_carried) {
      // What waited begins this character and ends in it: it was the start of one, so no more than one replaces it.
      decoded.carried.push_back({static_cast<std::uint32_t>(decoded.text.size()), pending_tokens_.front()});
      is_carried = false;
    }
    rest.remove_prefix(step.size_bytes);
  }
}

void Detokenizer::push_text(TokenId token, DecodedText& decoded) {
  TokenDecoder::Piece first;
  std::string_view bytes = tokenizer_->token_bytes(token);
  bool is_byte = tokenizer_->is_byte(token);
  if (is_first_ && !tokenizer_->decoder().dropped_from_first.empty()) {
    first = tokenizer_->decoder().first_piece(tokenizer_->decoded_spelling(token));
    bytes = first.bytes;
    is_byte = first.is_byte;
  }
  is_first_ = false;
  if (is_byte) {
    pending_ += bytes;
    pending_tokens_.push_back(num_tokens_);
    return;
  }
  flush_run(decoded);
  append_stripped(bytes, decoded);
}

void Detokenizer::flush_run(DecodedText& decoded) {
  const bool is_text = is_valid_utf8(pending_);
  for (std::size_t i = 0; i < pending_.size();) {
    const std::size_t size_bytes = is_text ? next_utf8(std::string_view(pending_).substr(i)).size_bytes : 1;
    const std::size_t before = decoded.text.size();
    append_stripped(is_text ? std::string_view(pending_).substr(i, size_bytes) : kReplacementCharacter, decoded);
    decoded.carried.push_back({static_cast<std::uint32_t>(decoded.text.size() - before), pending_tokens_[i]});
    i += size_bytes;
  }
  pending_.clear();
  pending_tokens_.clear();
}

void Detokenizer::append_stripped(std::string_view text, DecodedText& decoded) {
  const TokenDecoder& decoder = tokenizer_->decoder();
  while (num_stripped_ < decoder.stripped_count && !text.empty()) {
    if (text.starts_with(decoder.stripped_character)) {
      text.remove_prefix(decoder.stripped_character.size());
      ++num_stripped_;
    } else {
      num_stripped_ = std::numeric_limits<std::uint32_t>::max();  // The beginning is over.
    }
  }
  decoded.text += text;
}

DecodedText Detokenizer::finish() {
  DecodedText decoded;
  if (tokenizer_->decoder().is_byte_level && !pending_.empty()) {
    decoded.text = kReplacementCharacter;
    decoded.carried.push_back({static_cast<std::uint32_t>(decoded.text.size()), pending_tokens_.front()});
  } else {
    flush_run(decoded);
  }
  pending_.clear();
  is_first_ = true;
  num_stripped_ = 0;
  return decoded;
}

}  // namespace sluice
